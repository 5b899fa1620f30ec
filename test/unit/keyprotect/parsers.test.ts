import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64 } from "../../../src/keyprotect/decode-base64.ts";
import { parseHttpDate } from "../../../src/keyprotect/parse-http-date.ts";
import { parseRetryAfter } from "../../../src/keyprotect/parse-retry-after.ts";
import { parseTimestamp } from "../../../src/keyprotect/parse-timestamp.ts";

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
  ])("reads %j as %j", (text, retryAfterMs) => {
    expect(parseRetryAfter(text, wallNow)).toBe(retryAfterMs);
  });

  test("is total and never gives a wait below 0 or above 60,000 ms", () => {
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
  test("reads back what the platform writes", () => {
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
  ])("reads %j as %j", (text, ms) => {
    expect(parseHttpDate(text, wallNow)).toBe(ms);
  });
});

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
  ])("reads %j as %j", (text, iso) => {
    expect(parseTimestamp(text)?.toISOString()).toBe(iso);
  });

  test("reads back what the platform writes", () => {
    const range = { min: new Date("0100-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z") };
    fc.assert(
      fc.property(fc.date({ ...range, noInvalidDate: true }), (date) => {
        expect(parseTimestamp(date.toISOString())).toEqual(date);
      }),
    );
  });
});

describe("decodeBase64", () => {
  test("gives back any bytes from their base64", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8_000 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        expect(decodeBase64(buffer.toString("base64"))).toEqual(buffer);
      }),
    );
  });

  test("gives bytes only for the text that they encode to", () => {
    const characters = fc.constantFrom(...Array.from("ABab01+/-_= \n\u00e9"));
    const text = fc.oneof(
      fc.string({ unit: characters, maxLength: 12 }),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(text, (value) => {
        const bytes = decodeBase64(value);
        if (bytes !== undefined) expect(bytes.toString("base64")).toBe(value);
      }),
    );
  });

  test.each([
    "Y",
    "YQ",
    "YQ=",
    "YR==",
    "YWE",
    "YWF=",
    "Y Q==",
    "YQ==\n",
    "-_-_",
    "YQ==YQ==",
    "====",
  ])("refuses %j", (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });

  test("takes the empty text for no bytes", () => {
    expect(decodeBase64("")).toEqual(Buffer.alloc(0));
  });
});
