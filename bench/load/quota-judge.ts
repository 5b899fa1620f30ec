/** What a service with a quota may decide by. Real ones differ, and a client that pleases one can be refused by another. */

/** How requests are counted. */
export type QuotaShape =
  /** A token bucket that holds a tenth of a second, at least 10. */
  | "bucket"
  /** So many in each second of the service's own clock. */
  | "fixed"
  /** So many in any second at all. */
  | "sliding";

export const quotaShapes: readonly QuotaShape[] = ["bucket", "fixed", "sliding"];

/** Decides request by request. */
export interface QuotaJudge {
  /** Whether a request that arrives now is served. Those that are refused cost nothing. Times are milliseconds. */
  admit(now: number): boolean;
}

/** What the token bucket holds. */
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

/** A judge that has seen nothing yet. Throws a RangeError unless the quota is a positive whole number. */
export function createQuotaJudge(shape: QuotaShape, perSecond: number, now: number): QuotaJudge {
  if (!Number.isInteger(perSecond) || perSecond < 1) {
    throw new RangeError(`not a quota per second: ${perSecond}`);
  }
  return judges[shape](perSecond, now);
}
