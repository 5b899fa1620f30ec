/** Responses of the last second, counted in slices: a response costs one addition and no memory. */
import { rateConstants } from "./constants.ts";

const sliceMs = 50;
const slices = 21;

/** Responses of one second. */
export interface LastSecond {
  /** Responses that are not 429, as a rate per second. */
  readonly accepted: number;
  /** Responses 429, as a rate per second. */
  readonly throttled: number;
}

/** Whether so much was refused in a second that the quota must have dropped. */
export const isSevere = ({ accepted, throttled }: LastSecond): boolean =>
  throttled >= rateConstants.severeRefusals &&
  throttled > rateConstants.severeShare * (accepted + throttled);

/** Counts the responses of the last second. */
export interface ResponseCounter {
  accept(now: number): void;
  throttle(now: number): void;
  /** The last 1,000 to 1,050 ms. A time before the first response counts as one without any. */
  lastSecond(now: number): LastSecond;
  /** Forgets all responses so far, and ignores refusals before that time. */
  startAt(time: number): void;
}

/** Creates a counter without responses. Times are milliseconds of the monotonic clock. */
export function createResponseCounter(): ResponseCounter {
  const accepted = new Int32Array(slices);
  const throttled = new Int32Array(slices);
  let newest = Number.NEGATIVE_INFINITY;
  let index = 0;
  let startedAt = Number.NEGATIVE_INFINITY;

  function turnTo(now: number): void {
    const slice = Math.floor(now / sliceMs);
    if (slice <= newest) return;
    for (let left = Math.min(slice - newest, slices); left > 0; left--) {
      index = (index + 1) % slices;
      accepted[index] = 0;
      throttled[index] = 0;
    }
    newest = slice;
  }

  return {
    accept(now) {
      turnTo(now);
      accepted[index] = (accepted[index] ?? 0) + 1;
    },
    throttle(now) {
      if (now < startedAt) return;
      turnTo(now);
      throttled[index] = (throttled[index] ?? 0) + 1;
    },
    lastSecond(now) {
      turnTo(now);
      const seconds = (Math.max(now, newest * sliceMs) - (newest - slices + 1) * sliceMs) / 1000;
      return { accepted: sum(accepted) / seconds, throttled: sum(throttled) / seconds };
    },
    startAt(time) {
      accepted.fill(0);
      throttled.fill(0);
      startedAt = time;
    },
  };
}

const sum = (counts: Int32Array): number => counts.reduce((total, count) => total + count, 0);

/** Measures the demand that was met. Times are milliseconds of the monotonic clock. */
export interface UseMeter {
  /** Records a response. */
  answer(): void;
  /** Moves on to `now`. Nothing could be sent before `pausedUntil`. */
  advance(now: number, pausedUntil: number): void;
  /** Whether that would use so much of a rate that a refusal, or none, says something about it. */
  isUsed(perSecond: number): boolean;
}

const windowMs = 1_000;

/** Creates a meter that starts at `now`. */
export function createUseMeter(now: number): UseMeter {
  let at = now;
  /** The present window and the one before. */
  let present = { ms: 0, answered: 0 };
  let before = { ms: 0, answered: 0 };

  return {
    answer() {
      present.answered += 1;
    },
    advance(next, pausedUntil) {
      present.ms += Math.max(0, next - Math.max(at, pausedUntil));
      at = next;
      if (present.ms < windowMs) return;
      before = present;
      present = { ms: 0, answered: 0 };
    },
    isUsed(perSecond) {
      const answered = present.answered + before.answered;
      const ms = present.ms + before.ms;
      return answered * 1_000 >= rateConstants.leastUse * perSecond * ms;
    },
  };
}
