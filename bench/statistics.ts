/** Returns the value below which a share (0 to 1) of the values lies. `NaN` for an empty list. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Returns the median. `NaN` for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** A straight line through points, with the interval of its slope that holds with 95 %. */
export interface Slope {
  readonly slope: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Fits a line by least squares. The interval is that of independent, normally distributed errors.
 * Needs at least five points.
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): Slope {
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const errors = points.map(([x, y]) => y - meanY - slope * (x - meanX));
  const freedom = points.length - 2;
  const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / freedom);
  const margin = (studentQuantile(freedom) * deviation) / Math.sqrt(spread);
  return { slope, low: slope - margin, high: slope + margin };
}

/** The 97.5 % quantile of Student's t, to 0.005 from three degrees of freedom on. */
function studentQuantile(freedom: number): number {
  const z = 1.959_964;
  return (
    z +
    (z ** 3 + z) / (4 * freedom) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3)
  );
}
