import { expect, test } from "vitest";
import type { Measurement } from "../../bench/measure.ts";
import { createFindings, goalLines, tableOf } from "../../bench/report.ts";
import { median, quantile } from "../../bench/statistics.ts";

const measurement = (
  name: Measurement["name"],
  round: number,
  cpuMicrosPerCall: number,
  changes: Partial<Measurement> = {},
): Measurement => ({
  name,
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
  const findings = createFindings([
    measurement("floor", 1, 100),
    measurement("gateway", 1, 125, { failures: 2 }),
    measurement("floor", 2, 100),
    measurement("gateway", 2, 125, { failures: 3 }),
  ]);
  const lines = tableOf(findings, ["floor", "gateway"], [64]).split("\n");
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
    "gateway : floor, CPU per call at 64 in flight: 1.20 (goal: at most 1.25)",
  ]);
});
