/**
 * Bottleneck, which serves as a clock and as nothing else: a job grants permits and is over at once. Its queue,
 * priorities, reservoir, retries and cluster stay unused, since none of them can be cancelled or changed safely. No other
 * file knows it.
 */
import Bottleneck from "bottleneck";
import type { Clock } from "../../../platform/clock.ts";
import type { BucketSize } from "./bucket-size.ts";

/** Grants permits at a pace, one job per grant, as long as jobs are outstanding. */
export interface BottleneckRefill {
  /** Permits that the jobs outstanding will grant. */
  readonly deficit: number;
  /** Milliseconds after which `order` should be called if nothing was granted: a new rate waits, or a job is lost. */
  checkInMs(now: number): number;
  /** Another pace from now on; or from the first job ordered 100 ms after the change before. */
  setPace(now: number, pace: BucketSize): void;
  /** Orders one job more. Returns whether that was possible: only a few may be outstanding. */
  order(now: number): boolean;
  /** Lets go of all jobs outstanding: what they would have granted is void. */
  discard(): void;
  /** Discards, and grants nothing any more. */
  close(): void;
}

/** What a press works with. */
export interface BottleneckRefillOptions {
  readonly clock: Clock;
  /** The pace at the start. */
  readonly pace: BucketSize;
  /** Called with the permits of a job, in the job's time. */
  readonly onGrant: (permits: number) => void;
}

/** Bottleneck takes over a setting a timer later; changing it more often gains nothing. */
const changeEveryMs = 100;
/** A rise by this factor is worth a new limiter, since jobs that are registered keep their old time and grant. */
const steepRise = 1.5;
/** Bottleneck paces by the wall clock. If that was set by so much, a limiter that may wait for hours is replaced. */
const wallJumpMs = 100;
/** A job so much later than its pace was registered while the wall clock was set, and will not come soon. */
const lateMs = 1_000;

/** One limiter and the jobs it owes. */
interface Series {
  readonly limiter: Bottleneck;
  outstanding: number;
  /** Permits that the jobs outstanding will grant. */
  deficit: number;
  /** When a job was ordered or done, on the monotonic clock. */
  movedAt: number;
  /** Wall clock less monotonic clock when the limiter was made. */
  readonly wallOffset: number;
}

/** A rejected job was dropped with its limiter, which is intended; anything else is a defect that must be seen. */
const unlessDropped = (error: unknown): void => {
  if (!(error instanceof Bottleneck.BottleneckError)) throw error;
};

const stop = ({ limiter }: Series): void => {
  void limiter.stop({ dropWaitingJobs: true }).catch(unlessDropped);
};

/** A press with no job outstanding. */
export function createBottleneckRefill(options: BottleneckRefillOptions): BottleneckRefill {
  const { clock, onGrant } = options;
  let { pace } = options;
  let wanted = pace;
  let changedAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;

  const wallOffset = (): number => clock.wallNow() - clock.now();
  const createSeries = (): Series => ({
    // Datastore "local" is what keeps Redis out of it.
    limiter: new Bottleneck({ minTime: pace.minTimeMs, datastore: "local" }),
    outstanding: 0,
    deficit: 0,
    movedAt: clock.now(),
    wallOffset: wallOffset(),
  });
  let series = createSeries();

  const replace = (): void => {
    const old = series;
    series = createSeries();
    stop(old);
  };
  const lostAt = (): number => series.movedAt + pace.depth * pace.minTimeMs + lateMs;
  const isStuck = (now: number): boolean =>
    (series.outstanding > 0 && now >= lostAt()) ||
    Math.abs(wallOffset() - series.wallOffset) > wallJumpMs;

  const change = (now: number): void => {
    if (wanted === pace || now < changedAt + changeEveryMs) return;
    const old = pace;
    pace = wanted;
    changedAt = now;
    if (pace.rate >= steepRise * old.rate) replace();
    // Safe without reservoir intervals, which any change of settings would stop for ever.
    else void series.limiter.updateSettings({ minTime: pace.minTimeMs });
  };

  return {
    get deficit() {
      return series.deficit;
    },
    checkInMs: (now) => Math.max(0, (wanted === pace ? lostAt() : changedAt + changeEveryMs) - now),
    setPace(now, next) {
      wanted = next;
      change(now);
    },
    order(now) {
      if (isClosed) return false;
      change(now);
      if (isStuck(now)) replace();
      if (series.outstanding >= pace.depth) return false;
      const mine = series;
      const { grant } = pace;
      mine.outstanding += 1;
      mine.deficit += grant;
      mine.movedAt = now;
      const job = (): Promise<void> => {
        if (mine === series && !isClosed) {
          mine.outstanding -= 1;
          mine.deficit -= grant;
          mine.movedAt = clock.now();
          onGrant(grant);
        }
        return Promise.resolve();
      };
      void mine.limiter.schedule(job).catch(unlessDropped);
      return true;
    },
    discard() {
      if (series.outstanding > 0) replace();
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      stop(series);
    },
  };
}
