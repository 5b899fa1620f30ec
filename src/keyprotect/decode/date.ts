/** Decodes dates. */
import { utcMs } from "../../platform/http-date.ts";
import type { OnAnomaly } from "../anomaly.ts";
import { own, type JsonObject } from "./json.ts";

const rfc3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):?(\d\d))$/;

/**
 * Parses an RFC 3339 timestamp; digits beyond milliseconds are cut off. Also accepts an offset
 * without a colon (`+0000`), which some documented responses have. Returns `undefined` for anything
 * else, including dates that do not exist.
 */
export function parseTimestamp(text: string): Date | undefined {
  const ms = plainMs(text);
  return ms === undefined ? parseAny(text) : new Date(ms);
}

/** Parses the form that Key Protect sends, `2026-11-29T10:11:12Z`, in a third of the time. */
function plainMs(text: string): number | undefined {
  const isPlain =
    text.length === 20 &&
    text[4] === "-" &&
    text[7] === "-" &&
    text[10] === "T" &&
    text[13] === ":" &&
    text[16] === ":" &&
    text[19] === "Z";
  if (!isPlain) return undefined;
  const ms = utcMs(
    twoDigits(text, 0) * 100 + twoDigits(text, 2),
    twoDigits(text, 5),
    twoDigits(text, 8),
    twoDigits(text, 11),
    twoDigits(text, 14),
    twoDigits(text, 17),
  );
  return Number.isNaN(ms) ? undefined : ms;
}

/** The number of two digits; `NaN` for anything else. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - zero;
  const ones = text.charCodeAt(at + 1) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

const zero = 0x30;

function parseAny(text: string): Date | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHour, offsetMinute] =
    match;
  const ms = utcMs(
    Number(year),
    Number(month),
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  if (ms === undefined) return undefined;
  const hours = Number(offsetHour ?? 0);
  const minutes = Number(offsetMinute ?? 0);
  if (hours > 23 || minutes > 59) return undefined;
  const offsetMs = (sign === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
  return new Date(ms + Number(fraction.padEnd(3, "0").slice(0, 3)) - offsetMs);
}

/** The zero date of the upstream's language, sent for a date that was never set. */
const unset = "0001-01-01T00:00:00Z";

/**
 * Reads an optional date. A malformed one is reported and dropped: a date only describes the
 * resource, and no decision depends on it. The older names are older spellings of
 * the same field.
 */
export function optionalDate(
  object: JsonObject,
  onAnomaly: OnAnomaly,
  name: string,
  olderName?: string,
  oldestName?: string,
): Date | undefined {
  const value = own(object, name, olderName, oldestName);
  if (value === undefined || value === unset) return undefined;
  const date = typeof value === "string" ? parseTimestamp(value) : undefined;
  if (date === undefined) onAnomaly("malformed_date");
  return date;
}
