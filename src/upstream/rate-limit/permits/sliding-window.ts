/** The newest send times, so that no second ever sees more sends than the quota, whatever pace and bucket allow. */
export interface SlidingWindow {
  /** Milliseconds until `count` sends more (default 1) fit into the window; 0 if now. */
  waitMs(now: number, count?: number): number;
  /** Records a send. */
  take(now: number): void;
  /** Forgets a send that did not happen. */
  giveBack(): void;
  /** Counts the newest send that is not after `takenAt` as one of a later time. */
  moveLatest(takenAt: number, time: number): void;
  /** Changes how many sends fit. Sends of the past keep counting. */
  resize(quota: number): void;
  /** How many sends fit. */
  readonly limit: number;
}

/** What a window is made of. */
export interface SlidingWindowOptions {
  /** Sends that fit; rounded, at least 1. */
  readonly quota: number;
  /** Default 1,000. */
  readonly spanMs?: number | undefined;
  /** Added to the span, since a later request can be faster on its way than an earlier one. Default 12. */
  readonly guardMs?: number | undefined;
}

const limitOf = (quota: number): number => Math.max(1, Math.round(quota));

/**
 * A sliding log of send times. Of `limit` + 1 sends in a row the last is at least `spanMs + guardMs` after the first.
 * All operations take constant time, except for `resize` to more than ever before and `postpone`, which takes as long as there
 * are newer sends.
 */
export function createSlidingWindow(options: SlidingWindowOptions): SlidingWindow {
  const { spanMs = 1_000, guardMs = 12 } = options;
  const periodMs = spanMs + guardMs;
  let limit = limitOf(options.quota);
  // Never shorter than any limit so far: a limit that falls and rises again must not forget what was sent meanwhile.
  let times = new Float64Array(limit);
  let next = 0;
  let filled = 0;

  const take = (now: number): void => {
    times[next] = now;
    next = (next + 1) % times.length;
    filled = Math.min(filled + 1, times.length);
  };
  const giveBack = (): void => {
    // Which send it was is not known. Dropping the oldest is right for each: what is left is never older than what was
    // really sent.
    if (filled > 0) filled -= 1;
  };
  /** Where the time of the send is that has `newer` sends after it. */
  const placeOf = (newer: number): number => (next - 1 - newer + 2 * times.length) % times.length;
  const timeOf = (newer: number): number => times[placeOf(newer)] ?? Number.NEGATIVE_INFINITY;
  const setTime = (newer: number, time: number): void => {
    times[placeOf(newer)] = time;
  };

  return {
    waitMs(now, count = 1) {
      const laps = Math.floor((count - 1) / limit);
      const newer = limit - (count - laps * limit);
      const waitMs = newer < filled ? Math.max(0, timeOf(newer) + periodMs - now) : 0;
      return waitMs + laps * periodMs;
    },
    take,
    giveBack,
    moveLatest(takenAt, time) {
      if (filled === 0) return;
      let newer = 0;
      // Where it is no longer known, the oldest is: either way one send that was before `takenAt` counts as one of `time`.
      while (newer < filled - 1 && timeOf(newer) > takenAt) newer += 1;
      for (; newer > 0 && timeOf(newer - 1) < time; newer--) setTime(newer, timeOf(newer - 1));
      setTime(newer, Math.max(time, timeOf(newer)));
    },
    resize(quota) {
      limit = limitOf(quota);
      if (limit <= times.length) return;
      const longer = new Float64Array(limit);
      for (let newer = 0; newer < filled; newer++) longer[filled - 1 - newer] = timeOf(newer);
      times = longer;
      next = filled;
    },
    get limit() {
      return limit;
    },
  };
}
