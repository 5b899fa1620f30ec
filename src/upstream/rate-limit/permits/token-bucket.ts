/**
 * A token bucket with a deficit. Times are monotonic milliseconds. Tokens are computed from the
 * elapsed time, so a late refill loses nothing.
 */
export interface TokenBucket {
  /**
   * Adds the tokens that fell due until `now`. All methods that are given the time do this first.
   */
  refill(now: number): void;
  /** Takes one token if there is one. */
  tryTake(now: number): boolean;
  /** Milliseconds until the bucket holds `count` tokens (default 1); 0 if it does now. */
  waitMs(now: number, count?: number): number;
  /** Whole tokens in the bucket. */
  ready(now: number): number;
  /** Puts one token back, unless a pause is on. */
  giveBack(now: number): void;
  /** Sets whether a call waits for a token. */
  setAwaited(now: number, isAwaited: boolean): void;
  /** Gives no token before `time`, and a single one then. */
  pauseUntil(time: number): void;
  /**
   * Says that the sliding window allows no send before `time`. Until then the bucket gets few
   * tokens. If it filled up, it would let a burst go at `time`, and a second later the window would
   * block again for as long.
   */
  blockUntil(now: number, time: number): void;
  /** Sets the tokens per second. */
  setRate(now: number, rate: number): void;
}

/** How a token bucket is created. */
export interface TokenBucketOptions {
  readonly now: number;
  /** Tokens per second. */
  readonly rate: number;
  /** The rate is multiplied by this while the bucket pays a deficit off; at least 1. */
  readonly catchUpFactor: number;
}

/** How many tokens a bucket holds at most; fractions count. */
export interface BucketSize {
  /** While no call waits: 50 ms of the rate, between 1 and 10. */
  readonly burst: number;
  /** After a delay during which a call waited: 50 ms of the rate, at least the burst. */
  readonly catchUp: number;
}

/** The size of a bucket, in seconds of the rate. */
const sizeSeconds = 0.05;
/**
 * Where the burst is a single token, a token that was taken late lets the next one come sooner by
 * as much, up to this many seconds. Timers are late by 1 or 2 ms, which would lower the rate
 * otherwise.
 */
const soonerSeconds = 0.025;
/**
 * A call that waited up to this many milliseconds ago counts as waiting: between two calls, or
 * while all connections are busy, no call waits here.
 */
const awaitedForMs = 250;
/**
 * The tokens that a bucket may get in addition to one while the sliding window blocks, in seconds
 * of the rate. A send can be a few milliseconds late. Without these tokens, each late send would
 * lower the rate.
 */
const blockedSeconds = 0.01;
/** The largest deficit, in seconds of the rate. */
const mostDeficitSeconds = 0.25;
/** Sums of fractions are a little off. */
const tolerance = 1e-6;

/** The size of a bucket with a rate in tokens per second. */
export function bucketSizeFor(rate: number): BucketSize {
  const burst = Math.min(10, Math.max(1, Math.round(sizeSeconds * rate)));
  return { burst, catchUp: Math.max(burst, sizeSeconds * rate, 1 + soonerSeconds * rate) };
}

/**
 * Creates a bucket with a full burst. While a call waits it yields exactly the rate, however late
 * it is asked. After a delay it yields `catchUp` tokens at once and counts the rest as the deficit.
 * It pays the deficit off slowly, since an upstream with a token bucket of its own would answer a
 * larger burst with 429.
 */
export function createTokenBucket(options: TokenBucketOptions): TokenBucket {
  const { catchUpFactor } = options;
  let { rate, now: at } = options;
  let { burst, catchUp } = bucketSizeFor(rate);
  /** The tokens at the time `at`; fractions count. */
  let tokens = burst;
  let deficit = 0;
  let isAwaited = false;
  let awaitedAt = Number.NEGATIVE_INFINITY;

  const refill = (now: number): void => {
    if (isAwaited) awaitedAt = now;
    // `at` is later than `now` during a pause.
    if (now <= at) return;
    const isBusy = now - awaitedAt <= awaitedForMs;
    const due = ((now - at) * rate) / 1_000;
    at = now;
    if (isBusy) {
      const repaid = Math.min(deficit, due * (catchUpFactor - 1));
      deficit -= repaid;
      tokens += due + repaid;
      if (tokens <= catchUp) return;
      deficit = Math.min(deficit + tokens - catchUp, rate * mostDeficitSeconds);
      tokens = catchUp;
    } else {
      deficit = 0;
      tokens = Math.min(tokens + due, burst);
    }
  };
  return {
    refill,
    tryTake(now) {
      refill(now);
      if (at > now || 1 - tokens > tolerance) return false;
      tokens -= 1;
      return true;
    },
    waitMs(now, count = 1) {
      refill(now);
      const missing = count - tokens;
      return missing > tolerance ? at - now + (missing * 1_000) / rate : at - now;
    },
    ready(now) {
      refill(now);
      return at > now ? 0 : Math.max(0, Math.floor(tokens + tolerance));
    },
    giveBack(now) {
      refill(now);
      // A pause ends with one request, not with those that were not sent before it.
      if (at <= now) tokens = Math.min(tokens + 1, catchUp);
    },
    setAwaited(now, next) {
      refill(now);
      isAwaited = next;
    },
    pauseUntil(time) {
      at = time;
      tokens = 1;
      deficit = 0;
    },
    blockUntil(now, time) {
      refill(now);
      const most = 1 + blockedSeconds * rate;
      const due = (Math.max(0, time - at) * rate) / 1_000;
      if (tokens + due <= most) return;
      tokens = most - due;
      deficit = 0;
    },
    setRate(now, next) {
      refill(now);
      rate = next;
      ({ burst, catchUp } = bucketSizeFor(rate));
      tokens = Math.min(tokens, catchUp);
      deficit = Math.min(deficit, rate * mostDeficitSeconds);
    },
  };
}
