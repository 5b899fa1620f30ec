/** Who may send, and when: one permit is spent for each request that goes to the upstream. */
export interface Permits {
  /** Takes a permit if one may be spent now. */
  tryTake(): boolean;
  /** Gives a permit back that was taken and not used (the request was never sent). */
  refund(): void;
  /**
   * Says of a permit that was taken at that time, or a moment before, that its request was sent, or may have arrived, as
   * late as `time`.
   */
  recordSentAt(takenAt: number, time: number): void;
  /**
   * Calls back once, when `tryTake` may succeed (again), and when a pause begins, so that whoever waits can see to those
   * who cannot outlast it. A newer callback replaces an older one; `undefined` cancels it. Never calls back before it
   * returns.
   */
  whenAvailable(callback: (() => void) | undefined): void;
  /** Permits that could be spent at this moment, one after the other; `Infinity` where they are without end. */
  readonly ready: number;
  /** Milliseconds until `count` permits more could be spent at the present rate; 0 if now. For estimates only. */
  delayMs(count: number): number;
  /**
   * Permits per second from now on, and the rate whose second must not be exceeded if that is another one: higher, while little
   * is sent for a reason other than the quota. Throws a `RangeError` unless they are positive and finite.
   */
  setRate(perSecond: number, quotaPerSecond?: number): void;
  /** Permits per second. */
  readonly rate: number;
  /** No permit is given before that time of the monotonic clock; what was minted is discarded. Never shortens a pause. */
  pauseUntil(time: number): void;
  /** End of the newest pause on the monotonic clock; in the past if there is none. */
  readonly pausedUntil: number;
  /** Gives no permit any more and calls nobody back. */
  close(): void;
}
