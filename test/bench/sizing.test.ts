import { expect, test } from "vitest";
import { sizingHead, sizingRow } from "../../bench/load/sizing.ts";

const size = {
  callsPerSecond: 100,
  cores: 0.128,
  residentBytes: 176 * 2 ** 20,
  logBytesPerCall: 341.4,
  p99Ms: 31,
  failures: 0,
};

test("the row of a rate has the share of a core, the cost of a call, memory and log", () => {
  const row = sizingRow(size);
  expect(row).toEqual(["100", "12.8 %", "1.28", "176", "341", "31", "0"]);
  expect(row).toHaveLength(sizingHead.length);
});

test("the row of an idle gateway has no cost of a call", () => {
  const idle = { ...size, callsPerSecond: 0, logBytesPerCall: Number.NaN, p99Ms: Number.NaN };
  expect(sizingRow(idle)).toEqual(["0", "12.8 %", "–", "176", "–", "–", "0"]);
});
