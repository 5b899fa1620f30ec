/**
 * A lockout: the upstream refuses everything for a while, because a minute is used up or as a
 * penalty. Then only recovery probes are sent: single requests that find out whether it is over.
 */

/** Recovery probes per second. */
export const recoveryProbesPerSecond = 4;

const leastRefusals = 3;
const leastSilenceMs = 200;
const suspicionMs = 60;
const longRetryAfterMs = 2_000;
const longestRetryAfterMs = 60_000;
const retryAfterJitter = 0.1;
/** Lockouts that follow each other within this time recur. */
const recurrenceMs = 180_000;
/** A window of one second and the time until a probe notices its end. */
const longestSecondMs = 1_300;
/** Longer than a used-up minute can last. */
const patientAfterMs = 60_000;
const longestProbeGapMs = 60_000;

/** A lockout that is over. */
export interface PastLockout {
  /** When its first refusal came. */
  readonly startedAt: number;
  /** From the first refusal to the last, or to the end of the last pause that was asked for. */
  readonly lengthMs: number;
  /** Whether it may have been the rest of a second that was used up. */
  readonly isOfSecond: boolean;
  /** By which share the rate has to be lower than before; 0 unless lockouts recur. */
  readonly reduction: number;
}

/** Recognises lockouts and decides on pauses. */
export interface LockoutDetector {
  /** Nothing is sent before this time; in the past if there is no pause. */
  readonly pausedUntil: number;
  /** Records an accepted request outside a lockout. */
  accept(): void;
  /** Records an accepted request in a lockout. Returns the lockout if the request ended it. */
  acceptProbe(now: number): PastLockout | undefined;
  /** Records a 429 outside a lockout, at a rate. Returns whether a lockout begins. */
  throttle(now: number, retryAfterMs: number | undefined, rate: number): boolean;
  /** Records a 429 in a lockout. Returns whether the lockout may be the rest of a second. */
  throttleProbe(now: number, retryAfterMs: number | undefined): boolean;
  /** Pauses for a known reason: refusals before `expectedUntil` are no sign of a lockout. */
  explain(until: number, expectedUntil: number): void;
}

/**
 * Creates a detector without a lockout. `random` is uniform in [0, 1); it spreads replicas that got
 * the same `Retry-After`.
 */
export function createLockoutDetector(random: () => number): LockoutDetector {
  let refusals = 0;
  let refusedSince = 0;
  let refusedAt = 0;
  let probingSince = 0;
  let endedAt = Number.NEGATIVE_INFINITY;
  let recurrences = 0;
  let explainedUntil = Number.NEGATIVE_INFINITY;

  const pause = (until: number): void => {
    detector.pausedUntil = Math.max(detector.pausedUntil, until);
  };

  /** Returns the `Retry-After` that counts, if there is one. */
  function refuse(now: number, retryAfterMs: number | undefined): number | undefined {
    if (refusals === 0) refusedSince = now;
    if (now >= explainedUntil) refusals += 1;
    refusedAt = now;
    if (retryAfterMs === undefined || !(retryAfterMs > 0)) return undefined;
    const pauseMs = Math.min(retryAfterMs, longestRetryAfterMs);
    pause(now + pauseMs * (1 + retryAfterJitter * random()));
    return retryAfterMs;
  }

  function reductionAt(startedAt: number, lengthMs: number): number {
    const openMs = startedAt - endedAt;
    const cycleMs = openMs + lengthMs;
    recurrences = openMs < recurrenceMs ? recurrences + 1 : 0;
    if (recurrences === 0) return 0;
    // A quota per second or minute that is used up early is exceeded by the locked share of the
    // time. Where the lockout is a penalty, that share means nothing. A second is taken for a
    // window. Of anything longer, the first recurrence lowers the rate by up to 5 %, and each
    // further one by up to twice as much.
    const share = 1 - openMs / cycleMs;
    const believed = cycleMs < longestSecondMs ? share : 0.05 * 2 ** (recurrences - 1);
    return Math.min(share, believed, 0.9);
  }

  // A plain field rather than a getter: it is read for every request.
  const detector: LockoutDetector & { pausedUntil: number } = {
    pausedUntil: Number.NEGATIVE_INFINITY,
    accept() {
      refusals = 0;
    },
    acceptProbe(now) {
      // Responses during a pause belong to requests that were sent before it.
      if (now < detector.pausedUntil) return undefined;
      refusals = 0;
      const startedAt = refusedSince;
      const lengthMs = Math.max(refusedAt, detector.pausedUntil) - startedAt;
      const reduction = reductionAt(startedAt, lengthMs);
      endedAt = now;
      return { startedAt, lengthMs, isOfSecond: lengthMs <= longestSecondMs, reduction };
    },
    throttle(now, retryAfterMs, rate) {
      const askedMs = refuse(now, retryAfterMs) ?? 0;
      const refusedForMs = now - refusedSince;
      const silenceMs = Math.max(leastSilenceMs, 5_000 / rate);
      const isSilent = refusals >= leastRefusals && refusedForMs >= silenceMs;
      if (askedMs > longRetryAfterMs || isSilent) {
        pause(now + 1_000 / recoveryProbesPerSecond);
        probingSince = askedMs > 0 ? detector.pausedUntil : now;
        return true;
      }
      // Until a lockout is certain, short pauses keep the number of refusals low. A quota that is
      // only exceeded accepts something in that time.
      if (refusals >= leastRefusals && refusedForMs >= suspicionMs) pause(now + suspicionMs);
      return false;
    },
    throttleProbe(now, retryAfterMs) {
      if (refuse(now, retryAfterMs) !== undefined) probingSince = detector.pausedUntil;
      // If each refused request prolongs the penalty, steady probes would never see its end.
      const probedForMs = now - probingSince;
      if (probedForMs > patientAfterMs && now >= detector.pausedUntil) {
        detector.pausedUntil =
          now + Math.min((probedForMs - patientAfterMs) / 2, longestProbeGapMs);
      }
      return now - refusedSince <= longestSecondMs;
    },
    explain(until, expectedUntil) {
      refusals = 0;
      explainedUntil = expectedUntil;
      pause(until);
    },
  };
  return detector;
}
