/** Generates load as streams of equal calls and records the results. */

/** The operations, one for each class of the gateway's queue. */
export type LoadOperation = "unwrap" | "create" | "list";

/** A stream of equal calls of one caller. */
export interface LoadStream {
  readonly caller: string;
  readonly operation: LoadOperation;
  /**
   * `inFlight`: a closed loop with this number of calls in flight. `perSecond`: an open loop with
   * this rate, independent of results.
   */
  readonly rhythm: { readonly inFlight: number } | { readonly perSecond: number };
  readonly deadlineMs: number;
}

/** Makes a call. Resolves to `OK`, or to the kind of failure, out of a small set. */
export type MakeCall = (stream: LoadStream) => Promise<string>;

/** The results of a stream since the last reset. */
export interface StreamResult {
  readonly caller: string;
  readonly operation: LoadOperation;
  readonly ok: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Durations of the successful calls, in milliseconds, sorted. */
  readonly okMs: readonly number[];
  /** Durations of the failed calls, in milliseconds, sorted. */
  readonly failedMs: readonly number[];
  /** Greatest delay of this process's timer, in milliseconds. Always 0 for a closed loop. */
  readonly lateMs: number;
}

/** A running load. */
export interface Load {
  /** Returns the results of each stream since the last reset. */
  results(): readonly StreamResult[];
  /** Discards the results so far. */
  reset(): void;
  /** Starts no more calls. Resolves when all calls have ended. */
  stop(): Promise<void>;
}

/**
 * Pause after a failure, in milliseconds, so that a caller that is rejected immediately does not
 * call in a tight loop. The real pause is random, from half of it to one and a half times.
 */
const afterFailureMs = 50;
const tickMs = 5;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

class Counts {
  ok = 0;
  failures: Record<string, number> = {};
  okMs: number[] = [];
  failedMs: number[] = [];
  lateMs = 0;
}

/** Starts all streams. `makeCall` makes a single call. */
export function startLoad(streams: readonly LoadStream[], makeCall: MakeCall): Load {
  const end = new AbortController();
  const counts = streams.map(() => new Counts());

  const make = async (stream: LoadStream, at: number): Promise<boolean> => {
    const startedAt = performance.now();
    const outcome = await makeCall(stream);
    const tookMs = performance.now() - startedAt;
    const count = counts[at];
    if (count === undefined) return false;
    if (outcome === "OK") {
      count.ok += 1;
      count.okMs.push(tookMs);
      return true;
    }
    count.failures[outcome] = (count.failures[outcome] ?? 0) + 1;
    count.failedMs.push(tookMs);
    return false;
  };
  const repeat = async (stream: LoadStream, at: number): Promise<void> => {
    while (!end.signal.aborted) {
      if (!(await make(stream, at))) await sleep(afterFailureMs * (0.5 + Math.random()));
    }
  };
  const arrive = async (stream: LoadStream, at: number, perSecond: number): Promise<void> => {
    const startedAt = performance.now();
    // Shifts the streams, because independent callers do not call at the same moment.
    const phase = at / streams.length;
    const underWay = new Set<Promise<unknown>>();
    for (let made = 0; !end.signal.aborted;) {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1_000 + phase);
      for (; made < due; made++) {
        const call: Promise<unknown> = make(stream, at).finally(() => underWay.delete(call));
        underWay.add(call);
      }
      const dueAt = performance.now() + tickMs;
      await sleep(tickMs);
      const count = counts[at];
      if (count !== undefined) count.lateMs = Math.max(count.lateMs, performance.now() - dueAt);
    }
    await Promise.all(underWay);
  };

  const running = streams.flatMap((stream, at) => {
    const { rhythm } = stream;
    if ("perSecond" in rhythm) return [arrive(stream, at, rhythm.perSecond)];
    return Array.from({ length: rhythm.inFlight }, () => repeat(stream, at));
  });
  return {
    results: () =>
      streams.map(({ caller, operation }, at) => {
        const { ok, failures, okMs, failedMs, lateMs } = counts[at] ?? new Counts();
        return {
          caller,
          operation,
          ok,
          failures: { ...failures },
          okMs: okMs.toSorted((a, b) => a - b),
          failedMs: failedMs.toSorted((a, b) => a - b),
          lateMs,
        };
      }),
    reset() {
      for (const at of counts.keys()) counts[at] = new Counts();
    },
    async stop() {
      end.abort();
      await Promise.all(running);
    },
  };
}
