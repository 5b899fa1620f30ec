import Bottleneck from "bottleneck";

/** Refills the token bucket from Bottleneck jobs while calls wait. */
export interface BottleneckRefill {
  /** Schedules one job. Does nothing while a job is pending. `now` is monotonic milliseconds. */
  request(now: number): void;
  /** Drops the pending job. No job runs afterwards. */
  close(): void;
}

/**
 * Time between two jobs, in milliseconds. A job costs about 1 ms of CPU and two turns of the event
 * loop, so a job per token is not affordable: one limiter reaches about 400 jobs per second.
 */
const minTimeMs = 100;
/**
 * A job that is later than this is replaced, in milliseconds. Bottleneck schedules by the wall
 * clock: a clock that is set back by an hour delays the pending job by an hour.
 */
const overdueMs = 1_000;

/**
 * Bottleneck rejects the jobs of a stopped limiter, which is intended. Rethrows everything else.
 */
const ignoreDropped = (error: unknown): void => {
  if (!(error instanceof Bottleneck.BottleneckError)) throw error;
};

// The datastore "local" keeps Redis out of it.
const createLimiter = (): Bottleneck => new Bottleneck({ minTime: minTimeMs, datastore: "local" });

const stop = (limiter: Bottleneck): void =>
  void limiter.stop({ dropWaitingJobs: true }).catch(ignoreDropped);

/**
 * Creates a refill with no job pending. `onRefill` runs once per job. No other file imports
 * Bottleneck.
 *
 * A refill adds the tokens that fell due since the last one, so a late or dropped job loses
 * nothing. Bottleneck's queue, priorities, reservoir, retries and cluster stay unused: a queued job
 * can be neither cancelled nor moved, and a change of settings stops the reservoir's interval for
 * ever.
 */
export function createBottleneckRefill(onRefill: () => void): BottleneckRefill {
  let limiter = createLimiter();
  let requestedAt: number | undefined;
  let isClosed = false;

  return {
    request(now) {
      if (requestedAt !== undefined) {
        if (now - requestedAt < minTimeMs + overdueMs) return;
        stop(limiter);
        limiter = createLimiter();
      }
      requestedAt = now;
      const mine = limiter;
      const job = (): Promise<void> => {
        if (mine === limiter && !isClosed) {
          requestedAt = undefined;
          onRefill();
        }
        return Promise.resolve();
      };
      void mine.schedule(job).catch(ignoreDropped);
    },
    close() {
      isClosed = true;
      stop(limiter);
    },
  };
}
