import { join } from "node:path";
import { expect, test } from "vitest";
import { arrangementNames } from "../../bench/arrangements.ts";
import { startNode } from "../process/child-process.ts";

const root = join(import.meta.dirname, "..", "..");

test("the bench measures every arrangement without a failed call", async () => {
  const args = ["--rounds", "1", "--seconds", "0.3", "--warm-up", "50", "--in-flight", "1,16"];
  const program = join("bench", "bench.ts");
  await using bench = startNode(["--import", "tsx", program, ...args], {}, root);
  const { code } = await bench.exit;
  expect(code, bench.stderr()).toBe(0);
  const rows = bench
    .stdout()
    .split("\n")
    .filter((line) => /^\| +\d/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  expect(rows.map(([, inFlight, name]) => `${inFlight} ${name}`)).toEqual(
    ["1", "16"].flatMap((inFlight) => arrangementNames.map((name) => `${inFlight} ${name}`)),
  );
  for (const [, , name, cpu, , callsPerSecond, , , median, , failed] of rows) {
    expect(Number(cpu), name).toBeGreaterThan(0);
    expect(Number(callsPerSecond), name).toBeGreaterThan(0);
    expect(Number(median), name).toBeGreaterThan(0);
    expect(failed, name).toBe("0");
  }
}, 180_000);

test("an unknown arrangement is rejected with the names of the known ones", async () => {
  const program = join("bench", "bench.ts");
  await using bench = startNode(["--import", "tsx", program, "--only", "other"], {}, root);
  expect(await bench.exit).toMatchObject({ code: 64 });
  for (const name of arrangementNames) expect(bench.stderr()).toContain(`"${name}"`);
}, 60_000);
