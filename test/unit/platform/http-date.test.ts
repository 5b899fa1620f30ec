import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseHttpDate, parseRetryAfter } from "../../../src/platform/http-date.ts";

const wallNow = Date.UTC(2026, 0, 2, 3, 4, 5);

describe("parseRetryAfter", () => {
  test.each<readonly [string, number | undefined]>([
    ["0", 0],
    ["1", 1_000],
    [" 2 ", 2_000],
    ["60", 60_000],
    ["61", 60_000],
    ["99999999999999999999999", 60_000],
    ["9".repeat(400), 60_000],
    ["Fri, 02 Jan 2026 03:04:15 GMT", 10_000],
    ["Friday, 02-Jan-26 03:04:15 GMT", 10_000],
    ["Fri Jan  2 03:04:15 2026", 10_000],
    ["Sat, 03 Jan 2026 03:04:05 GMT", 60_000],
    ["Fri, 02 Jan 2026 03:04:05 GMT", undefined],
    ["Thu, 01 Jan 1970 00:00:00 GMT", undefined],
    ["-5", undefined],
    ["+5", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    ["5, 10", undefined],
    ["", undefined],
    ["soon", undefined],
    ["2026-01-02T03:04:15Z", undefined],
  ])("parseRetryAfter reads %j as %j", (text, retryAfterMs) => {
    expect(parseRetryAfter(text, wallNow)).toBe(retryAfterMs);
  });

  test("parseRetryAfter never throws and never returns a wait below 0 or above 60,000 ms", () => {
    const text = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.date({ noInvalidDate: false }).map(String),
      fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    );
    fc.assert(
      fc.property(text, fc.maxSafeNat(), (value, now) => {
        const retryAfterMs = parseRetryAfter(value, now);
        if (retryAfterMs === undefined) return;
        expect(retryAfterMs).toBeGreaterThanOrEqual(0);
        expect(retryAfterMs).toBeLessThanOrEqual(60_000);
      }),
    );
  });
});

describe("parseHttpDate", () => {
  test("parseHttpDate reads the dates that Date.toUTCString writes", () => {
    const seconds = fc.integer({ min: Date.UTC(1600, 0) / 1000, max: Date.UTC(9999, 11) / 1000 });
    fc.assert(
      fc.property(seconds, (second) => {
        const text = new Date(second * 1000).toUTCString();
        expect(parseHttpDate(text, wallNow)).toBe(second * 1000);
      }),
    );
  });

  test.each([
    ["Sunday, 06-Nov-94 08:49:37 GMT", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Friday, 01-Jan-76 00:00:00 GMT", Date.UTC(2076, 0, 1)],
    ["Saturday, 01-Jan-77 00:00:00 GMT", Date.UTC(1977, 0, 1)],
    ["Sun Nov  6 08:49:37 1994", Date.UTC(1994, 10, 6, 8, 49, 37)],
    ["Sun, 06 Nov 1994 08:49:37 UTC", undefined],
    ["Sun, 31 Feb 2026 08:49:37 GMT", undefined],
    ["Sun, 00 Jan 2026 08:49:37 GMT", undefined],
    ["Sun, 01 Jan 2026 24:00:00 GMT", undefined],
    ["Sun, 01 Jan 0026 00:00:00 GMT", undefined],
    ["06 Nov 1994 08:49:37 GMT", undefined],
  ])("parseHttpDate reads %j as %j", (text, ms) => {
    expect(parseHttpDate(text, wallNow)).toBe(ms);
  });
});
