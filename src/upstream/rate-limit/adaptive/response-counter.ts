/** What was answered in the last second, counted in slices so that an answer costs an addition and no memory. */

const sliceMs = 50;
const slices = 21;

/** Answers of the last second. */
export interface LastSecond {
  /** Answers that are not 429, as a rate per second. */
  readonly accepted: number;
  /** Answers 429, as a rate per second. */
  readonly throttled: number;
}

export interface ResponseCounter {
  accept(now: number): void;
  throttle(now: number): void;
  /** The last 1,000 to 1,050 ms. A time before the first answer counts as one without answers. */
  lastSecond(now: number): LastSecond;
  /** Forgets all answers so far, and does not count refusals before that time. */
  startAt(time: number): void;
}

/** Creates a responses without answers. Times are milliseconds of the monotonic clock. */
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
