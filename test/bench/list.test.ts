/** The benches of pages and memory run, and show how long a wrap waits for pages. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { startNode } from "../process/child-process.ts";

const root = join(import.meta.dirname, "..", "..");

async function runBench(program: string, ...args: readonly string[]) {
  const path = join("bench", "lean", `${program}.ts`);
  await using bench = startNode(["--import", "tsx", path, ...args], {}, root);
  const { code } = await bench.exit;
  return { code, stdout: bench.stdout(), stderr: bench.stderr() };
}

/** The cells of the row that begins with `name`. */
const rowOf = (printed: string, name: string): readonly string[] =>
  printed
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .find(([, first]) => first === name)
    ?.slice(1, -1) ?? [];

test("a wrap beside eight pages waits less than a third as long as in a server that reads each page at once", async () => {
  const args = ["--rounds", "2", "--seconds", "2", "--warm-up", "3"];
  const { code, stdout, stderr } = await runBench("list", ...args);
  expect(code, stderr).toBe(0);
  const beside = (name: string): number => Number(rowOf(stdout, name)[7]);
  expect(beside("gateway")).toBeGreaterThan(0);
  expect(beside("gateway")).toBeLessThan(beside("floor") / 3);
  expect(stdout).toMatch(/gateway : floor, CPU per page: \d+\.\d\d \(goal/);
  expect(rowOf(stdout, "gateway").at(-1)).toBe("0");
}, 180_000);

test("the bench of memory has a row and the growth of the heap for both processes", async () => {
  const args = ["--calls", "4000", "--warm-up", "1000", "--every", "500"];
  const { code, stdout, stderr } = await runBench("memory", ...args);
  expect(code, stderr).toBe(0);
  for (const name of ["floor", "gateway"]) {
    const [, idle, loaded, most, heap, failed] = rowOf(stdout, name).map(Number);
    expect(idle, name).toBeGreaterThan(20);
    expect(loaded, name).toBeGreaterThan(20);
    expect(most, name).toBeGreaterThanOrEqual(loaded ?? 0);
    expect(heap, name).toBeGreaterThan(5);
    expect(failed, name).toBe(0);
    expect(stdout).toContain(`${name}: heap after collection, KiB, by calls:\n0: `);
  }
  for (const part of ["growth of the heap", "of which compiled code"]) {
    const line = new RegExp(`^${part}: -?\\d+\\.\\d{3} bytes per call, 95 % interval`, "gm");
    expect(stdout.match(line), part).toHaveLength(2);
  }
}, 180_000);

test.each([
  ["list", ["--rounds", "0"], "--rounds takes a number above 0"],
  ["list", ["--node", "/no/such/node"], "--node takes the path of a binary of node"],
  ["memory", ["--calls", "many"], "--calls takes a number above 0"],
  ["memory", ["--other"], "--other"],
])("the bench of %s refuses %j with a text and its usage", async (program, args, text) => {
  const { code, stderr } = await runBench(program, ...args);
  expect(code).toBe(64);
  expect(stderr).toContain(text);
  expect(stderr).toContain(`usage: npm run bench:${program}`);
});
