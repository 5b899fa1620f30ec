import { parseHttpDate } from "./http-date.ts";

/** No longer wait is believed: a caller's deadline is never that far away. */
const longestMs = 60_000;

/**
 * Reads a `Retry-After` value, seconds or HTTP-date, as milliseconds to wait: 0 to 60,000, longer waits are capped.
 * Gives `undefined` for what makes no sense, a moment that has passed among it: our own backoff is a better guess than
 * "at once".
 */
export function parseRetryAfter(value: string, wallNowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, longestMs);
  const date = parseHttpDate(text, wallNowMs);
  if (date === undefined || date <= wallNowMs) return undefined;
  return Math.min(date - wallNowMs, longestMs);
}
