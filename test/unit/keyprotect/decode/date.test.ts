import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseTimestamp } from "../../../../src/keyprotect/decode/date.ts";

describe("parseTimestamp", () => {
  test.each<readonly [string, string | undefined]>([
    ["2020-03-12T03:37:32Z", "2020-03-12T03:37:32.000Z"],
    ["2020-03-12t03:37:32z", "2020-03-12T03:37:32.000Z"],
    ["2020-03-12T03:37:32.5Z", "2020-03-12T03:37:32.500Z"],
    ["2020-03-12T03:37:32.123456789Z", "2020-03-12T03:37:32.123Z"],
    ["2020-03-12T03:37:32+0000", "2020-03-12T03:37:32.000Z"],
    ["2020-03-12T03:37:32+01:30", "2020-03-12T02:07:32.000Z"],
    ["2020-03-12T03:37:32-01:30", "2020-03-12T05:07:32.000Z"],
    ["2020-02-29T00:00:00Z", "2020-02-29T00:00:00.000Z"],
    ["2021-02-29T00:00:00Z", undefined],
    ["2020-13-01T00:00:00Z", undefined],
    ["2020-00-01T00:00:00Z", undefined],
    ["2020-01-01T24:00:00Z", undefined],
    ["2020-01-01T00:60:00Z", undefined],
    ["2020-01-01T00:00:61Z", undefined],
    ["2020-01-01T00:00:00+24:00", undefined],
    ["0020-01-01T00:00:00Z", undefined],
    ["2020-01-01T00:00:00", undefined],
    ["2020-01-01", undefined],
    ["2020-01-01 00:00:00Z", undefined],
    [" 2020-01-01T00:00:00Z", undefined],
    ["+002020-01-01T00:00:00Z", undefined],
    ["", undefined],
  ])("parseTimestamp reads %j as %j", (text, iso) => {
    expect(parseTimestamp(text)?.toISOString()).toBe(iso);
  });

  test("parseTimestamp reads the dates that Date.toISOString writes", () => {
    const range = { min: new Date("0100-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z") };
    fc.assert(
      fc.property(fc.date({ ...range, noInvalidDate: true }), (date) => {
        expect(parseTimestamp(date.toISOString())).toEqual(date);
      }),
    );
  });
});

test.each("0 1 2 3 4 5 6 7 8 9 - : T Z . / ; a ٣ \t".split(" "))(
  "no date with %j at a wrong place is read",
  (character) => {
    const text = "2026-11-29T10:11:12Z";
    for (let at = 0; at < text.length; at += 1) {
      const changed = text.slice(0, at) + character + text.slice(at + 1);
      const date = new Date(changed);
      const isDate =
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(changed) && !Number.isNaN(date.getTime());
      // ISO 8601 has 24:00 and years below 100, which parseTimestamp does not take.
      const isExpected = isDate && !changed.includes("T24") && !changed.startsWith("00");
      expect([changed, parseTimestamp(changed)?.getTime()]).toEqual([
        changed,
        isExpected ? date.getTime() : undefined,
      ]);
    }
  },
);
