/**
 * A sliding log of send times. It keeps every second within the quota, whatever the token bucket
 * allows. Times are monotonic milliseconds.
 */
export interface SlidingWindow {
  /** Milliseconds until `count` more sends (default 1) fit into the window; 0 if now. */
  waitMs(now: number, count?: number): number;
  /** Records a send. */
  take(now: number): void;
  /** Removes one send that did not happen. */
  giveBack(): void;
  /** Moves the newest send that is not after `takenAt` to a later time. */
  moveLatest(takenAt: number, time: number): void;
  /** Changes how many sends fit. Recorded sends keep counting. */
  resize(quota: number): void;
  /** How many sends fit. */
  readonly limit: number;
}

/** How a sliding window is created. */
export interface SlidingWindowOptions {
  /** Sends that fit; rounded, at least 1. */
  readonly quota: number;
  /** The length of the window, in milliseconds. Default 1,000. */
  readonly spanMs?: number | undefined;
  /**
   * Added to the span, in milliseconds, since a request can travel faster than the one before it.
   * Default 12.
   */
  readonly guardMs?: number | undefined;
}

const limitOf = (quota: number): number => Math.max(1, Math.round(quota));

/**
 * Creates an empty window. Of `limit` + 1 sends in a row the last is at least `spanMs + guardMs`
 * after the first. All operations take constant time, with two exceptions: `resize` to a new
 * maximum, and `moveLatest`, whose time grows with the number of newer sends.
 */
export function createSlidingWindow(options: SlidingWindowOptions): SlidingWindow {
  const { spanMs = 1_000, guardMs = 12 } = options;
  const periodMs = spanMs + guardMs;
  let limit = limitOf(options.quota);
  // Never shorter than any limit so far: a limit that falls and rises again keeps the sends
  // between.
  let times = new Float64Array(limit);
  let next = 0;
  let filled = 0;

  const take = (now: number): void => {
    times[next] = now;
    next = (next + 1) % times.length;
    filled = Math.min(filled + 1, times.length);
  };
  const giveBack = (): void => {
    // Which send it was is not known. Dropping the oldest is safe: the others are never too old.
    if (filled > 0) filled -= 1;
  };
  /** The index of the send that has `newer` sends after it. */
  const indexOf = (newer: number): number => (next - 1 - newer + 2 * times.length) % times.length;
  const timeOf = (newer: number): number => times[indexOf(newer)] ?? Number.NEGATIVE_INFINITY;

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
      // If the send is no longer recorded, the oldest one is moved. One send counts as later either
      // way.
      while (newer < filled - 1 && timeOf(newer) > takenAt) newer += 1;
      for (; newer > 0 && timeOf(newer - 1) < time; newer--) {
        times[indexOf(newer)] = timeOf(newer - 1);
      }
      times[indexOf(newer)] = Math.max(time, timeOf(newer));
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
