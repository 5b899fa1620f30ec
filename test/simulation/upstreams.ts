/** Upstreams with a quota. Times are milliseconds; requests come in the order of arrival. */

export interface SimulatedUpstream {
  /** Whether a request that arrives now is within the quota. */
  accepts(now: number): boolean;
  setQuota(perSecond: number, now: number): void;
}

/** Refills steadily and holds `burst` at most. */
export function tokenBucket(perSecond: number, burst: number): SimulatedUpstream {
  let rate = perSecond;
  let tokens = burst;
  let filledAt = 0;
  const fill = (now: number): void => {
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * rate);
    filledAt = now;
  };
  return {
    accepts(now) {
      fill(now);
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
    setQuota(next, now) {
      fill(now);
      rate = next;
    },
  };
}

/** Counts from zero in each window of the server's own clock. */
export function fixedWindow(perSecond: number, windowMs: number): SimulatedUpstream {
  let limit = (perSecond * windowMs) / 1000;
  let window = -1;
  let count = 0;
  return {
    accepts(now) {
      // The offset keeps windows from starting with the simulation.
      const current = Math.floor((now + 0.37 * windowMs) / windowMs);
      if (current !== window) count = 0;
      window = current;
      if (count >= limit) return false;
      count += 1;
      return true;
    },
    setQuota(next) {
      limit = (next * windowMs) / 1000;
    },
  };
}

/** Counts the requests of the last second; with `doRefusalsCount` also the refused ones. */
export function slidingSecond(perSecond: number, doRefusalsCount = false): SimulatedUpstream {
  let limit = perSecond;
  let log: number[] = [];
  let first = 0;
  return {
    accepts(now) {
      for (let at = log[first]; at !== undefined && at <= now - 1000; at = log[first]) first += 1;
      if (first > 4096) {
        log = log.slice(first);
        first = 0;
      }
      const isAccepted = log.length - first < limit;
      if (isAccepted || doRefusalsCount) log.push(now);
      return isAccepted;
    },
    setQuota(next) {
      limit = next;
    },
  };
}

/** Refuses everything for `penaltyMs` after a refusal; with `isProlonged` after every refusal. */
export function penaltyBox(
  inner: SimulatedUpstream,
  penaltyMs: number,
  isProlonged = false,
): SimulatedUpstream {
  let closedUntil = Number.NEGATIVE_INFINITY;
  return {
    accepts(now) {
      const isClosed = now < closedUntil;
      if (!isClosed && inner.accepts(now)) return true;
      if (!isClosed || isProlonged) closedUntil = now + penaltyMs;
      return false;
    },
    setQuota: (next, now) => inner.setQuota(next, now),
  };
}

/** Refuses requests for no reason: a share of them, or the next `count` at each of some times. */
export function withStrays(
  inner: SimulatedUpstream,
  { random, share = 0, at = [], count = 1 }: Strays,
): SimulatedUpstream {
  const times = [...at];
  let due = 0;
  return {
    accepts(now) {
      while ((times[0] ?? Number.POSITIVE_INFINITY) <= now) {
        times.shift();
        due = count;
      }
      if (due > 0 || (share > 0 && random() < share)) {
        due = Math.max(0, due - 1);
        return false;
      }
      return inner.accepts(now);
    },
    setQuota: (next, now) => inner.setQuota(next, now),
  };
}

export interface Strays {
  readonly random: () => number;
  readonly share?: number;
  /** In milliseconds, in order. */
  readonly at?: readonly number[];
  readonly count?: number;
}
