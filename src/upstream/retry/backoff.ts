const firstMs = 50;
const longestMs = 1_000;

/**
 * Milliseconds to wait before a retry: uniform between 0 and min(1,000, 50 · 2ⁿ), where n is the
 * number of retries so far. Full jitter, so that calls that failed together do not return together.
 */
export const backoffMs = (retries: number, random: () => number): number =>
  random() * Math.min(longestMs, firstMs * 2 ** retries);
