/** Statistics of a period and their formats. */
import type { Period } from "./arena.ts";
import type { LoadOperation, StreamResult } from "./start-load.ts";

/** Returns a percentile of a sorted list; `share` is from 0 to 1. NaN for an empty list. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/**
 * Jain's fairness index: 1 if all values are equal, 1/n if one of n has everything, 1 for an empty
 * list.
 */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}

/** Latencies of successful calls of all callers in ms, sorted. Default: of all operations. */
export const okMsOf = (streams: readonly StreamResult[], operation?: LoadOperation): number[] =>
  streams
    .filter((stream) => operation === undefined || stream.operation === operation)
    .flatMap(({ okMs }) => okMs)
    .toSorted((a, b) => a - b);

/** Number of failures of all streams by kind. */
export function failuresOf(streams: readonly StreamResult[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const { failures } of streams) {
    for (const [name, count] of Object.entries(failures)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

/** Number of successful calls of all streams. */
export const okOf = (streams: readonly StreamResult[]): number =>
  streams.reduce((sum, { ok }) => sum + ok, 0);

/** Share of the requests to the upstream that it rejected with 429. */
export const throttledShare = ({
  served,
  throttled,
}: Pick<Period, "served" | "throttled">): number =>
  throttled === 0 ? 0 : throttled / (served + throttled);

/** Formats a share as a percentage. */
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

/** Formats a share of 429 answers, with more digits if it is small. */
export const percent429 = (share: number): string =>
  share === 0 ? "0" : percent(share, share < 0.01 ? 3 : 1);

/** Formats milliseconds. A dash stands for NaN. */
export const ms = (value: number): string =>
  Number.isNaN(value) ? "–" : value.toFixed(value < 10 ? 1 : 0);

/** Formats failures by kind, or `none`. */
export const failureText = (failures: Readonly<Record<string, number>>): string =>
  Object.entries(failures)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ") || "none";

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** Formats a Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_name, at) => (at === 0 ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
