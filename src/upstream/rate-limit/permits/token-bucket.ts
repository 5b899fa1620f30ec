import type { BucketSize } from "./bucket-size.ts";

/** When minted permits may be spent: at the rate, with a small burst. */
export interface TokenBucket {
  /** Milliseconds until `count` permits more (default 1) may be spent; 0 if now. */
  waitMs(now: number, count?: number): number;
  /** Whole permits that may be spent now. */
  ready(now: number): number;
  /** Records that one is spent. */
  take(now: number): void;
  /** Takes back that one was spent. */
  giveBack(now: number): void;
  /** Says that somebody waits at this moment, or no longer. */
  setAwaited(now: number, isAwaited: boolean): void;
  /** Lets nothing through before that time, and a single permit then. */
  pauseUntil(time: number): void;
  /** Another pace from now on. */
  setPace(now: number, pace: BucketSize): void;
}

/** What a meter works with. */
export interface TokenBucketOptions {
  readonly now: number;
  readonly pace: BucketSize;
  /** How much faster than the rate it may be while it makes up for delays; at least 1. */
  readonly catchUpFactor: number;
}

/** Who waited a moment ago still counts: between two callers, or while all connections are busy, nobody waits here. */
const awaitedForMs = 250;
/** The most that is made up for later, in seconds of the rate. */
const mostOwedSeconds = 0.25;
/** Sums of fractions are a little off. */
const tolerance = 1e-6;

/**
 * A meter with a full burst. Over any time in which somebody waits it lets through exactly the rate, however late it is
 * asked: what fell due meanwhile comes at once, up to the catch-up of the pace; the rest is owed and comes little by
 * little, since an upstream that refills a bucket would answer a larger burst with 429.
 */
export function createTokenBucket(options: TokenBucketOptions): TokenBucket {
  const { catchUpFactor } = options;
  let { pace, now: at } = options;
  /** Permits that may be spent at `at`; fractions count. */
  let tokens = pace.burst;
  let deficit = 0;
  let isAwaited = false;
  let awaitedAt = Number.NEGATIVE_INFINITY;

  const advance = (now: number): void => {
    if (isAwaited) awaitedAt = now;
    if (now <= at) return;
    const isBusy = now - awaitedAt <= awaitedForMs;
    const due = ((now - at) * pace.rate) / 1_000;
    at = now;
    if (isBusy) {
      const repaid = Math.min(deficit, due * (catchUpFactor - 1));
      deficit -= repaid;
      tokens += due + repaid;
      if (tokens <= pace.catchUp) return;
      deficit = Math.min(deficit + tokens - pace.catchUp, pace.rate * mostOwedSeconds);
      tokens = pace.catchUp;
    } else {
      deficit = 0;
      tokens = Math.min(tokens + due, pace.burst);
    }
  };
  return {
    waitMs(now, count = 1) {
      advance(now);
      const missing = count - tokens;
      // `at` is ahead of `now` only in a pause.
      return missing > tolerance ? at - now + (missing * 1_000) / pace.rate : at - now;
    },
    ready(now) {
      advance(now);
      return at > now ? 0 : Math.max(0, Math.floor(tokens + tolerance));
    },
    take(now) {
      advance(now);
      tokens -= 1;
    },
    giveBack(now) {
      advance(now);
      tokens = Math.min(tokens + 1, pace.catchUp);
    },
    setAwaited(now, next) {
      advance(now);
      isAwaited = next;
    },
    pauseUntil(time) {
      at = time;
      tokens = 1;
      deficit = 0;
    },
    setPace(now, next) {
      advance(now);
      pace = next;
      tokens = Math.min(tokens, pace.catchUp);
      deficit = Math.min(deficit, pace.rate * mostOwedSeconds);
    },
  };
}
