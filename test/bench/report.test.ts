import { expect, test } from "vitest";
import type { Measurement } from "../../bench/measure.ts";
import {
  createFindings,
  goalLines,
  groupByVersion,
  summaryOf,
  tableOf,
} from "../../bench/report.ts";
import { median, quantile } from "../../bench/statistics.ts";

const measurement = (
  name: Measurement["name"],
  round: number,
  cpuMicrosPerCall: number,
  changes: Partial<Measurement> = {},
): Measurement => ({
  name,
  node: "20.20.2",
  round,
  inFlight: 64,
  cpuMicrosPerCall,
  callsPerSecond: 1_000_000 / cpuMicrosPerCall,
  coreShare: 1,
  calls: 1_000,
  failures: 0,
  elapsedMs: 1_000,
  medianMs: 1,
  p99Ms: 2,
  ...changes,
});

test("the median is the middle value, and a quantile is the value at its share", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(quantile([5, 1, 4, 2, 3], 0.99)).toBe(5);
  expect(quantile([5, 1, 4, 2, 3], 0.2)).toBe(2);
});

test("a ratio is the median of the rounds' ratios, not the ratio of the medians", () => {
  const findings = createFindings([
    measurement("floor", 1, 100),
    measurement("gateway", 1, 120),
    measurement("floor", 2, 300),
    measurement("gateway", 2, 390),
    measurement("floor", 3, 200),
    measurement("gateway", 3, 220),
  ]);
  expect(findings.value("floor", 64, "cpuMicrosPerCall")).toBe(200);
  expect(findings.ratio("gateway", "floor", 64, "cpuMicrosPerCall")).toBeCloseTo(1.2);
  expect(findings.ratio("naive", "floor", 64, "cpuMicrosPerCall")).toBeUndefined();
});

test("the table has a row for each number of calls and arrangement, with the sum of failures", () => {
  const versions = groupByVersion(
    [
      measurement("floor", 1, 100),
      measurement("gateway", 1, 125, { failures: 2 }),
      measurement("floor", 2, 100),
      measurement("gateway", 2, 125, { failures: 3 }),
    ],
    ["20.20.2"],
  );
  const lines = tableOf(versions, ["floor", "gateway"], [64]).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[3]?.split("|").map((cell) => cell.trim())).toEqual([
    "",
    "64",
    "gateway",
    "125",
    "1.25",
    "8000",
    "0.80",
    "100 %",
    "1.00",
    "2.00",
    "5",
    "",
  ]);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
});

test("the report contains only the goals that were measured", () => {
  const floor = measurement("floor", 1, 100);
  expect(goalLines(createFindings([floor]))).toEqual([]);
  const lines = goalLines(createFindings([floor, measurement("gateway", 1, 120)]));
  expect(lines).toEqual([
    "gateway : floor, CPU per call at 64 in flight: 1.20 (goal: at most 1.10 on Node 24)",
  ]);
});

const onNode24 = { node: "24.21.0" };
const onTwoVersions = groupByVersion(
  [
    measurement("floor", 1, 200),
    measurement("gateway", 1, 240),
    measurement("floor", 1, 100, onNode24),
    measurement("gateway", 1, 180, onNode24),
  ],
  ["20.20.2", "24.21.0"],
);

test("with several versions of Node the table has rows for each, with ratios to the floor on the same version", () => {
  const rows = tableOf(onTwoVersions, ["floor", "gateway"], [64])
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").map((cell) => cell.trim()));
  expect(rows.map(([, , node, name, cpu, toFloor]) => [node, name, cpu, toFloor])).toEqual([
    ["20.20.2", "floor", "200", "1.00"],
    ["20.20.2", "gateway", "240", "1.20"],
    ["24.21.0", "floor", "100", "1.00"],
    ["24.21.0", "gateway", "180", "1.80"],
  ]);
});

test("with several versions of Node the goals name the version, and later versions are compared with the first", () => {
  expect(summaryOf(onTwoVersions)).toEqual([
    "Node 20.20.2: gateway : floor, CPU per call at 64 in flight: 1.20 (goal: at most 1.10 on Node 24)",
    "Node 24.21.0: gateway : floor, CPU per call at 64 in flight: 1.80 (goal: at most 1.10 on Node 24)",
    "Node 24.21.0 : Node 20.20.2, floor, CPU per call at 64 in flight: 0.50",
    "Node 24.21.0 : Node 20.20.2, gateway, CPU per call at 64 in flight: 0.75",
  ]);
});
