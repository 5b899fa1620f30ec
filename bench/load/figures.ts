/** The few numbers that a period comes down to, and how they are written. */
import type { Period } from "./arena.ts";
import type { LoadOperation, StreamResult } from "./start-load.ts";

/** The value that a share of a sorted list does not exceed; NaN for an empty list. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Jain's index: 1 if all have the same, one n-th if one of n has all. 1 for none at all. */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}

/** Latencies of a class of calls over all callers, sorted. */
export const okMsOf = (streams: readonly StreamResult[], operation?: LoadOperation): number[] =>
  streams
    .filter((stream) => operation === undefined || stream.operation === operation)
    .flatMap(({ okMs }) => okMs)
    .toSorted((a, b) => a - b);

/** Failures over all streams, by how they failed. */
export function failuresOf(streams: readonly StreamResult[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const { failures } of streams) {
    for (const [name, count] of Object.entries(failures)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

/** Calls that succeeded, over all streams. */
export const okOf = (streams: readonly StreamResult[]): number =>
  streams.reduce((sum, { ok }) => sum + ok, 0);

/** The share of what reached the upstream that it refused. */
export const throttledShare = ({
  served,
  throttled,
}: Pick<Period, "served" | "throttled">): number =>
  throttled === 0 ? 0 : throttled / (served + throttled);

export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`;

/** A 429 share, with as many digits as a small one takes. */
export const percent429 = (share: number): string =>
  share === 0 ? "0" : percent(share, share < 0.01 ? 3 : 1);

export const ms = (value: number): string =>
  Number.isNaN(value) ? "–" : value.toFixed(value < 10 ? 1 : 0);

/** `none`, or the failures by name. */
export const failureText = (failures: Readonly<Record<string, number>>): string =>
  Object.entries(failures)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ") || "none";

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_name, at) => (at === 0 ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
