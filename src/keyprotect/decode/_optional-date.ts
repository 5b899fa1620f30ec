import type { OnAnomaly } from "../anomaly.ts";
import { own, type JsonObject } from "./json.ts";
import { parseTimestamp } from "./date.ts";

/** How the upstream's language writes a date that was never set. */
const unset = "0001-01-01T00:00:00Z";

/**
 * An optional date. One that cannot be read is reported and dropped: it describes the key, and nothing is decided by it.
 * Several names are older spellings of the same field.
 */
export function optionalDate(
  object: JsonObject,
  onAnomaly: OnAnomaly,
  ...names: readonly string[]
): Date | undefined {
  const value = own(object, ...names);
  if (value === undefined || value === unset) return undefined;
  const date = typeof value === "string" ? parseTimestamp(value) : undefined;
  if (date === undefined) onAnomaly("malformed_date");
  return date;
}
