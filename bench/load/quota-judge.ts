/** Ways in which a service can count a quota. A client that keeps one way can exceed another. */

/** The way in which requests are counted. */
export type QuotaShape =
  /** A token bucket with a capacity of a tenth of a second, at least 10. */
  | "bucket"
  /** Requests per second of the service's clock. */
  | "fixed"
  /** Requests within any period of one second. */
  | "sliding";

/** All ways of counting. */
export const quotaShapes: readonly QuotaShape[] = ["bucket", "fixed", "sliding"];

/** Decides for each request whether the quota admits it. */
export interface QuotaJudge {
  /** Tells whether a request at time `now` (ms) is served. Rejected requests use no quota. */
  admit(now: number): boolean;
}

/** Capacity of the token bucket. */
export const bucketBurst = (perSecond: number): number => Math.max(10, Math.round(0.1 * perSecond));

function createBucket(perSecond: number, startedAt: number): QuotaJudge {
  const burst = bucketBurst(perSecond);
  let tokens = burst;
  let filledAt = startedAt;
  return {
    admit(now) {
      tokens = Math.min(burst, tokens + ((now - filledAt) * perSecond) / 1_000);
      filledAt = now;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

function createFixed(perSecond: number): QuotaJudge {
  let second = Number.NaN;
  let served = 0;
  return {
    admit(now) {
      const current = Math.floor(now / 1_000);
      if (current !== second) {
        second = current;
        served = 0;
      }
      if (served >= perSecond) return false;
      served += 1;
      return true;
    },
  };
}

function createSliding(perSecond: number): QuotaJudge {
  const times = new Float64Array(perSecond).fill(Number.NEGATIVE_INFINITY);
  let oldest = 0;
  return {
    admit(now) {
      if (now - (times[oldest] ?? 0) < 1_000) return false;
      times[oldest] = now;
      oldest = (oldest + 1) % times.length;
      return true;
    },
  };
}

const judges: Readonly<Record<QuotaShape, (perSecond: number, now: number) => QuotaJudge>> = {
  bucket: createBucket,
  fixed: createFixed,
  sliding: createSliding,
};

/**
 * Creates a judge without requests so far. Throws a RangeError unless the quota is a positive
 * integer.
 */
export function createQuotaJudge(shape: QuotaShape, perSecond: number, now: number): QuotaJudge {
  if (!Number.isInteger(perSecond) || perSecond < 1) {
    throw new RangeError(`not a quota per second: ${perSecond}`);
  }
  return judges[shape](perSecond, now);
}
