/**
 * The `filter` parameter of key lists: terms `property=value` or `property=op:value`, separated by
 * spaces.
 */
import type { KeyRecord } from "./record.ts";
import { stateOf } from "./state.ts";
import { invalidQuery } from "../api/vendor-error.ts";
import { parseDateTime } from "../clock.ts";

const dateValues: Readonly<Record<string, (key: KeyRecord) => number | undefined>> = {
  creationDate: (key) => key.createdAt,
  deletionDate: (key) => key.deletion?.at,
  expirationDate: (key) => key.expiresAt,
  lastRotateDate: (key) => key.rotatedAt,
  lastUpdateDate: (key) => key.updatedAt,
};

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
};

const malformed = (): Error => invalidQuery("filter", "a valid filter query");

/**
 * Returns the keys that satisfy every term of a filter, and whether a term is about the state.
 * Rejects a property that is also a parameter of `query`.
 */
export function filterKeys(
  keys: KeyRecord[],
  filter: string,
  query: URLSearchParams,
  now: number,
): { readonly keys: KeyRecord[]; readonly filtersState: boolean } {
  const terms = filter.split(" ").filter((term) => term !== "");
  const seen = new Map<string, number>();
  let filtersState = false;
  let kept = keys;
  for (const term of terms) {
    const separator = term.indexOf("=");
    if (separator < 1) throw malformed();
    const property = term.slice(0, separator);
    const count = (seen.get(property) ?? 0) + 1;
    if (count > 3 || query.has(property)) throw malformed();
    seen.set(property, count);
    if (property === "state") filtersState = true;
    const accepts = termFilter(property, term.slice(separator + 1), now);
    kept = kept.filter(accepts);
  }
  return { keys: kept, filtersState };
}

function termFilter(property: string, text: string, now: number): (key: KeyRecord) => boolean {
  if (property === "extractable") {
    if (text !== "true" && text !== "false") throw malformed();
    return (key) => key.extractable === (text === "true");
  }
  if (property === "state") {
    const states = text.split(",").map(Number);
    if (states.some((state) => !Number.isInteger(state) || state < 0 || state > 5))
      throw malformed();
    return (key) => states.includes(stateOf(key, now));
  }
  const valueOf = dateValues[property];
  if (valueOf === undefined) throw malformed();
  const [, operator, quoted] = /^(?:(lte?|gte?):)?(.+)$/.exec(text) ?? [];
  if (quoted === "none" && operator === undefined) return (key) => valueOf(key) === undefined;
  const [, date] = /^"(.+)"$/.exec(quoted ?? "") ?? [];
  const at = parseDateTime(date ?? "");
  if (Number.isNaN(at)) throw malformed();
  const compare =
    operator === undefined ? (a: number, b: number) => a === b : comparisons[operator];
  if (compare === undefined) throw malformed();
  return (key) => {
    const value = valueOf(key);
    // Answers contain whole seconds. The filter compares the milliseconds that the service stores.
    return value !== undefined && compare(value, at);
  };
}
