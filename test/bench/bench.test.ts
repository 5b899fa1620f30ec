import { join } from "node:path";
import { expect, test } from "vitest";
import { arrangementNames, nodeArrangementNames } from "../../bench/arrangements.ts";
import { findEnvoy } from "../../bench/envoy/find-envoy.ts";
import { startNode } from "../process/child-process.ts";
import { otherNodes } from "./other-node.ts";

const root = join(import.meta.dirname, "..", "..");

/** Envoy is not on every machine. Without it, the bench has to say that it is left out. */
const isEnvoyThere = findEnvoy() !== undefined;
const measurable = isEnvoyThere ? arrangementNames : nodeArrangementNames;

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
    ["1", "16"].flatMap((inFlight) => measurable.map((name) => `${inFlight} ${name}`)),
  );
  expect(bench.stderr().includes('LEFT OUT: the arrangement "envoy"')).toBe(!isEnvoyThere);
  for (const [, , name, cpu, , callsPerSecond, , , median, , failed] of rows) {
    expect(Number(cpu), name).toBeGreaterThan(0);
    expect(Number(callsPerSecond), name).toBeGreaterThan(0);
    expect(Number(median), name).toBeGreaterThan(0);
    expect(failed, name).toBe("0");
  }
}, 180_000);

test("each version of node runs the arrangements of its own rows, and the rest stays on the bench's own node", async () => {
  using nodes = otherNodes();
  const node = ["--node", process.execPath, "--node", nodes.write("newer", "v99.0.1")];
  const args = ["--rounds", "1", "--seconds", "0.1", "--warm-up", "1", "--in-flight", "2"];
  const program = join("bench", "bench.ts");
  const line = ["--import", "tsx", program, ...args, ...node, "--only", "floor"];
  await using bench = startNode(line, {}, root);
  expect((await bench.exit).code, bench.stderr()).toBe(0);
  const own = process.versions.node;
  expect(bench.stdout()).toContain(`; measured on Node ${own}, 99.0.1; 1 rounds of 0.1 s`);
  expect(bench.stdout()).toMatch(
    new RegExp(String.raw`^\| +2 \| +${own} \| floor .*\n\| +2 \| +99\.0\.1 \| floor `, "m"),
  );
  expect(nodes.runsOf("newer").map((run) => run.split("/").at(-1))).toEqual(["floor.js"]);
}, 120_000);

test("an unknown arrangement is rejected with the names of the known ones", async () => {
  const program = join("bench", "bench.ts");
  await using bench = startNode(["--import", "tsx", program, "--only", "other"], {}, root);
  expect(await bench.exit).toMatchObject({ code: 64 });
  for (const name of arrangementNames) expect(bench.stderr()).toContain(`"${name}"`);
}, 60_000);
