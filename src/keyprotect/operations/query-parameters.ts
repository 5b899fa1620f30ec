/** The choice and the order of keys in lists and counts, as query parameters. */
import type { KeyQuery } from "../resources.ts";

/**
 * The parameters of a query, each with `&` before it. Empty for a query that chooses all keys in
 * the upstream's own order; only such a query exists in the 2019 API.
 */
export function keyQueryParameters(query: KeyQuery): string {
  const { states = [], extractable, search, sort, filter } = query;
  const parameters: readonly (readonly [name: string, value: string | undefined])[] = [
    ["state", states.length === 0 ? undefined : states.join(",")],
    ["extractable", extractable === undefined ? undefined : String(extractable)],
    ["search", search],
    ["sort", sort],
    ["filter", filter],
  ];
  return parameters
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`&${name}=${encodeURIComponent(value)}`],
    )
    .join("");
}
