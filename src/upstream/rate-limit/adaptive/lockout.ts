/**
 * A lockout: the upstream refuses everything for a while, because a minute is used up, as a
 * penalty, or because it asked for a long pause. Then only recovery probes are sent: single
 * requests that find out whether it is over.
 */

/** Recovery probes per second. */
export const recoveryProbesPerSecond = 4;

const leastRefusals = 3;
const leastSilenceMs = 200;
const suspicionMs = 60;
/**
 * How much of a `Retry-After` is believed: of a single one, of one that a recovery probe has
 * confirmed, and of one that was confirmed again. Some answers ask for a day, and one page of a
 * proxy must not silence the instance.
 */
const believedMs = [5_000, 30_000, 60_000] as const;
/** After a longer pause the first request is a recovery probe: a lockout begins. */
const longRetryAfterMs = 2_000;
/** A pause is longer by up to this part: replicas with the same pause must not return together. */
const retryAfterJitter = 0.1;
/** Lockouts that follow each other within this time recur. */
const recurrenceMs = 180_000;
/** A window of one second and the time until a probe notices its end. */
const longestSecondMs = 1_300;
/** Longer than a used-up minute can last. */
const patientAfterMs = 60_000;
const longestProbeGapMs = 60_000;

/** Why the upstream refused: for lack of quota (429), or because it cannot serve (503). */
export type RefusalCause = "quota" | "outage";

const isLong = (retryAfterMs = 0): boolean => retryAfterMs > longRetryAfterMs;

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
  /**
   * Whether it says nothing about the rate: no 429 was part of it, or its only sign was a
   * `Retry-After` that the first recovery probe refuted.
   */
  readonly isOfNothing: boolean;
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
  /** Records a 503 with a `Retry-After` outside a lockout. Returns whether a lockout begins. */
  suspend(now: number, retryAfterMs: number): boolean;
  /** Records a 503 with a `Retry-After` in a lockout. */
  suspendProbe(now: number, retryAfterMs: number): void;
  /** Why the upstream refused last. */
  readonly cause: RefusalCause;
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
  /**
   * Hints that are not wholly believed, without an accepted request since. All but the first are
   * from recovery probes.
   */
  let doubtedHints = 0;
  /** Whether a `Retry-After` is all there is of the present lockout, and whether a 429 is. */
  let isOnlyHint = false;
  let hasThrottled = false;

  const pause = (until: number): void => {
    detector.pausedUntil = Math.max(detector.pausedUntil, until);
  };

  /** Pauses for the part of a `Retry-After` that is believed. Returns whether there was one. */
  function believe(now: number, retryAfterMs: number | undefined): boolean {
    if (retryAfterMs === undefined || !(retryAfterMs > 0)) return false;
    // Refusals during a pause answer requests that were sent before it, and confirm nothing.
    const isNew = now >= detector.pausedUntil || doubtedHints === 0;
    if (retryAfterMs > believedMs[0] && isNew) doubtedHints += 1;
    const most = believedMs[Math.max(0, doubtedHints - 1)] ?? believedMs[2];
    pause(now + Math.min(retryAfterMs, most) * (1 + retryAfterJitter * random()));
    return true;
  }

  /** Records a 429. Returns whether it had a usable `Retry-After`. */
  function refuse(now: number, retryAfterMs: number | undefined): boolean {
    if (refusals === 0) refusedSince = now;
    if (now >= explainedUntil) refusals += 1;
    refusedAt = now;
    detector.cause = "quota";
    return believe(now, retryAfterMs);
  }

  function begin(now: number, hasHint: boolean): void {
    pause(now + 1_000 / recoveryProbesPerSecond);
    probingSince = hasHint ? detector.pausedUntil : now;
    hasThrottled = detector.cause === "quota";
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
  const detector: LockoutDetector & { pausedUntil: number; cause: RefusalCause } = {
    pausedUntil: Number.NEGATIVE_INFINITY,
    cause: "quota",
    accept() {
      refusals = 0;
      doubtedHints = 0;
    },
    acceptProbe(now) {
      // Responses during a pause belong to requests that were sent before it.
      if (now < detector.pausedUntil) return undefined;
      refusals = 0;
      doubtedHints = 0;
      const startedAt = refusedSince;
      const lengthMs = Math.max(refusedAt, detector.pausedUntil) - startedAt;
      const isOfSecond = lengthMs <= longestSecondMs;
      if (isOnlyHint || !hasThrottled) {
        return { startedAt, lengthMs, isOfSecond, reduction: 0, isOfNothing: true };
      }
      const reduction = reductionAt(startedAt, lengthMs);
      endedAt = now;
      return { startedAt, lengthMs, isOfSecond, reduction, isOfNothing: false };
    },
    throttle(now, retryAfterMs, rate) {
      const hasHint = refuse(now, retryAfterMs);
      const refusedForMs = now - refusedSince;
      const silenceMs = Math.max(leastSilenceMs, 5_000 / rate);
      const isSilent = refusals >= leastRefusals && refusedForMs >= silenceMs;
      if (isSilent || isLong(retryAfterMs)) {
        begin(now, hasHint);
        isOnlyHint = !isSilent;
        return true;
      }
      // Until a lockout is certain, short pauses keep the number of refusals low. A quota that is
      // only exceeded accepts something in that time.
      if (refusals >= leastRefusals && refusedForMs >= suspicionMs) pause(now + suspicionMs);
      return false;
    },
    throttleProbe(now, retryAfterMs) {
      if (now >= detector.pausedUntil) isOnlyHint = false;
      hasThrottled = true;
      if (refuse(now, retryAfterMs)) probingSince = detector.pausedUntil;
      // If each refused request prolongs the penalty, steady probes would never see its end.
      const probedForMs = now - probingSince;
      if (probedForMs > patientAfterMs && now >= detector.pausedUntil) {
        detector.pausedUntil =
          now + Math.min((probedForMs - patientAfterMs) / 2, longestProbeGapMs);
      }
      return now - refusedSince <= longestSecondMs;
    },
    suspend(now, retryAfterMs) {
      if (refusals === 0) refusedSince = now;
      detector.suspendProbe(now, retryAfterMs);
      if (!isLong(retryAfterMs)) return false;
      begin(now, true);
      isOnlyHint = true;
      return true;
    },
    suspendProbe(now, retryAfterMs) {
      refusedAt = now;
      detector.cause = "outage";
      believe(now, retryAfterMs);
      probingSince = detector.pausedUntil;
    },
    explain(until, expectedUntil) {
      refusals = 0;
      explainedUntil = expectedUntil;
      pause(until);
    },
  };
  return detector;
}
