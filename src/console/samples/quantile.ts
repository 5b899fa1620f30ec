/** Quantiles of histograms. */

/**
 * The quantile `q` (0 to 1) of a histogram, interpolated within its bucket as Prometheus does;
 * `undefined` without values. `bounds` are the upper bounds; the last count is beyond the last
 * bound, and a quantile in it is that bound.
 */
export function quantileOf(
  q: number,
  bounds: readonly number[],
  counts: ArrayLike<number>,
): number | undefined {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket += 1) total += counts[bucket] ?? 0;
  if (total === 0) return undefined;
  const rank = q * total;
  let below = 0;
  for (const [bucket, bound] of bounds.entries()) {
    const count = counts[bucket] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = bounds[bucket - 1] ?? 0;
      return lower + (bound - lower) * ((rank - below) / count);
    }
    below += count;
  }
  return bounds.at(-1);
}
