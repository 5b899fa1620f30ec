/** The keys that an endpoint may use: IDs, aliases and patterns of aliases. */
import { isUuid } from "../../platform/uuid.ts";

/**
 * Whether an alias matches a pattern, in which `*` stands for any characters. No regular
 * expression: callers choose the alias, and some patterns would take for ever.
 */
function matches(pattern: string, alias: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === alias;
  if (!alias.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = alias.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return alias.length - last.length >= from && alias.endsWith(last);
}

/**
 * Compiles the list of an endpoint. A pattern with `*` never matches an ID: IDs are random, so a
 * list that means one names it whole.
 */
export function compileKeyPatterns(patterns: readonly string[]): (key: string) => boolean {
  const ids = new Set(patterns.filter(isUuid).map((id) => id.toLowerCase()));
  const aliases = patterns.filter((pattern) => !isUuid(pattern));
  return (key) =>
    isUuid(key) ? ids.has(key.toLowerCase()) : aliases.some((pattern) => matches(pattern, key));
}
