/** Permits to send. One is spent for each request that goes to the upstream. */
export interface Permits {
  /** Takes a permit if one is available. */
  tryTake(): boolean;
  /** Gives back a permit whose request was never sent. */
  refund(): void;
  /**
   * Calls back once when `tryTake` may succeed, or when a pause begins, so that the waiter can
   * reject calls that cannot outlast the pause. A newer callback replaces an older one, and
   * `undefined` cancels it. Never calls back before it returns.
   */
  whenAvailable(callback: (() => void) | undefined): void;
  /** Permits that can be taken at this moment; `Infinity` at an unlimited rate. */
  readonly ready: number;
  /** An estimate of the milliseconds until `count` permits can be taken; 0 if now. */
  delayMs(count: number): number;
  /**
   * Sets the permits per second; `Infinity` for no limit. `quotaPerSecond` is the rate that no
   * second may exceed, by default the same. It is higher during a lockout, when little is sent for
   * a reason other than the quota. Throws a `RangeError` unless both are positive, or if
   * only the quota is infinite.
   */
  setRate(perSecond: number, quotaPerSecond?: number): void;
  /** Permits per second. */
  readonly rate: number;
  /**
   * Gives no permit before that time of the monotonic clock, and a single one then. Never shortens
   * a pause.
   */
  pauseUntil(time: number): void;
  /** The end of the newest pause on the monotonic clock; in the past, or `-Infinity`, for none. */
  readonly pausedUntil: number;
  /** Gives no permit any more and calls no waiter. */
  close(): void;
}
