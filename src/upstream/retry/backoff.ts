/** How the waits before repeats grow. */
const firstMs = 50;
const longestMs = 1_000;

/**
 * Milliseconds to wait before a repeat: uniform between 0 and min(1,000, 50 · 2ⁿ), n being the repeats made so far. Full
 * jitter, for calls that failed together must not come back together.
 */
export const backoffMs = (repeats: number, random: () => number): number =>
  random() * Math.min(longestMs, firstMs * 2 ** repeats);
