/**
 * A lockout: the upstream refuses everything for a while (a used-up minute, a penalty). Then nothing is sent but, now
 * and then, one request that finds out whether it is over.
 */

/** One request per 250 ms asks whether the upstream takes requests again. */
export const probesPerSecond = 4;

const leastRefusals = 3;
const leastSilenceMs = 200;
const suspicionMs = 60;
const longRetryAfterMs = 2_000;
const longestRetryAfterMs = 60_000;
const recurrenceMs = 180_000;
/** A window of one second and the time until a poke notices its end. */
export const longestSecondMs = 1_300;
/** Longer than a used-up minute can last. */
const patientAfterMs = 60_000;
const longestProbeGapMs = 60_000;

/** A lockout that is over. */
export interface PastLockout {
  /** When its first refusal came. */
  readonly startedAt: number;
  /** From its first refusal to its last, or to the end of the last pause the upstream asked for. */
  readonly lengthMs: number;
  /** By which part the rate has to be lower than before; 0 unless blackouts follow each other within three minutes. */
  readonly reduction: number;
}

export interface Lockout {
  readonly isOn: boolean;
  readonly pausedUntil: number;
  /** Takes note of an answer that is not 429. Returns the lockout that it ended, if it did. */
  accept(now: number): PastLockout | undefined;
  /** Takes note of a 429 answered to a client that sends at `rate`; may start a lockout. */
  throttle(now: number, retryAfterMs: number | undefined, rate: number): void;
  /** Pauses for a reason that is understood: refusals that come before `expectedUntil` are no sign of a lockout. */
  explain(until: number, expectedUntil: number): void;
}

/** Creates a state without lockout. `random` is uniform in [0, 1) and spreads replicas that were told the same `Retry-After`. */
export function createLockout(random: () => number): Lockout {
  let isOn = false;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let refusals = 0;
  let refusedSince = 0;
  let refusedAt = 0;
  let probingSince = 0;
  let endedAt = Number.NEGATIVE_INFINITY;
  let recurrences = 0;
  let explainedUntil = Number.NEGATIVE_INFINITY;

  function start(now: number): void {
    isOn = true;
    probingSince = now;
    pausedUntil = Math.max(pausedUntil, now + 1000 / probesPerSecond);
  }

  function suspect(now: number, rate: number, isCertain: boolean): void {
    const refusedForMs = now - refusedSince;
    const silenceMs = Math.max(leastSilenceMs, 5_000 / rate);
    const isSilent = refusals >= leastRefusals && refusedForMs >= silenceMs;
    if (isCertain || isSilent) start(now);
    else if (refusals >= leastRefusals && refusedForMs >= suspicionMs) {
      // Until it is certain, short stops keep the number of refusals low. A quota that is merely exceeded lets something
      // pass in that time.
      pausedUntil = Math.max(pausedUntil, now + suspicionMs);
    }
  }

  /** Where every refused request prolongs the penalty, steady poking would never see its end. */
  function lengthenProbeGap(now: number): void {
    const probedForMs = now - probingSince;
    if (probedForMs <= patientAfterMs || now < pausedUntil) return;
    pausedUntil = now + Math.min((probedForMs - patientAfterMs) / 2, longestProbeGapMs);
  }

  function end(now: number): PastLockout {
    isOn = false;
    const startedAt = refusedSince;
    const lengthMs = Math.max(refusedAt, pausedUntil) - startedAt;
    const lightMs = startedAt - endedAt;
    const cycleMs = lightMs + lengthMs;
    recurrences = lightMs < recurrenceMs ? recurrences + 1 : 0;
    endedAt = now;
    if (recurrences === 0) return { startedAt, lengthMs, reduction: 0 };
    // A quota per second or minute that is used up early is exceeded by the share of the time that was dark; where the
    // dark is a penalty, that share means nothing. A second is taken for a window. Of anything longer the first recurrence
    // is believed up to 5 %, and each further one twice as much.
    const share = 1 - lightMs / cycleMs;
    const believed = cycleMs < longestSecondMs ? share : 0.05 * 2 ** (recurrences - 1);
    return { startedAt, lengthMs, reduction: Math.min(share, believed, 0.9) };
  }

  return {
    get isOn() {
      return isOn;
    },
    get pausedUntil() {
      return pausedUntil;
    },
    accept(now) {
      // During a pause the answers are those to requests sent before it.
      if (isOn && now < pausedUntil) return undefined;
      const past = isOn ? end(now) : undefined;
      refusals = 0;
      return past;
    },
    throttle(now, retryAfterMs, rate) {
      if (refusals === 0) refusedSince = now;
      if (now >= explainedUntil) refusals += 1;
      refusedAt = now;
      const isAsked = retryAfterMs !== undefined && retryAfterMs > 0;
      if (isAsked) {
        const pauseMs = Math.min(retryAfterMs, longestRetryAfterMs) * (1 + 0.1 * random());
        pausedUntil = Math.max(pausedUntil, now + pauseMs);
      }
      if (!isOn) suspect(now, rate, isAsked && retryAfterMs > longRetryAfterMs);
      else if (!isAsked) lengthenProbeGap(now);
      if (isAsked) probingSince = pausedUntil;
    },
    explain(until, expectedUntil) {
      refusals = 0;
      explainedUntil = expectedUntil;
      pausedUntil = Math.max(pausedUntil, until);
    },
  };
}
