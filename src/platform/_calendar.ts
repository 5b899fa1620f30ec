/**
 * Milliseconds since the epoch of a UTC date and time, or `undefined` if there is no such moment (30 February, 25:00).
 * `month` counts from 1. Years below 100 are refused: `Date.UTC` would move them to the twentieth century.
 */
export function utcMs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number | undefined {
  if (year < 100 || hour > 23 || minute > 59 || second > 60) return undefined;
  const midnight = Date.UTC(year, month - 1, day);
  // A day that the month does not have carries over into another month.
  if (new Date(midnight).getUTCMonth() !== month - 1) return undefined;
  return midnight + ((hour * 60 + minute) * 60 + second) * 1000;
}
