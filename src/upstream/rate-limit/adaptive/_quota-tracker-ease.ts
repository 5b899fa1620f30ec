/**
 * After a severe drop a little less than the quota is sent for a second: whatever the upstream had in store is used up, and
 * with nothing in store two requests that come close together are one too many.
 */
export interface Ease {
  readonly isOn: boolean;
  /** Begins at that time, which may be in the future. */
  start(at: number): void;
  stop(): void;
  /** Ends it when its time is over. */
  advance(now: number): void;
  /** What is left of a rate. */
  of(perSecond: number): number;
}

const part = 0.8;
const lengthMs = 1_000;

/** Creates an ease that is off. Times are milliseconds of the monotonic clock. */
export function createEase(): Ease {
  let isOn = false;
  let until = 0;

  return {
    get isOn() {
      return isOn;
    },
    start(at) {
      isOn = true;
      until = at + lengthMs;
    },
    stop() {
      isOn = false;
    },
    advance(now) {
      if (now >= until) isOn = false;
    },
    of: (perSecond) => (isOn ? perSecond * part : perSecond),
  };
}
