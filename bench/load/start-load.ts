/** Load as streams of equal calls, and what became of them. Knows nothing of how a call is made. */

/** What a call asks for; one for each class of the gateway's queue. */
export type LoadOperation = "unwrap" | "create" | "list";

/** Calls of one caller that are all alike. */
export interface LoadStream {
  readonly caller: string;
  readonly operation: LoadOperation;
  /** `inFlight`: so many at a time, each followed by the next. `perSecond`: that many, whatever becomes of them. */
  readonly rhythm: { readonly inFlight: number } | { readonly perSecond: number };
  readonly deadlineMs: number;
}

/** Makes a call. Resolves to `OK`, or to how it failed in a few words of a closed vocabulary. */
export type MakeCall = (stream: LoadStream) => Promise<string>;

/** What became of a stream's calls since the last reset. */
export interface StreamResult {
  readonly caller: string;
  readonly operation: LoadOperation;
  readonly ok: number;
  readonly failures: Readonly<Record<string, number>>;
  /** How long the successful ones took, in milliseconds, shortest first. */
  readonly okMs: readonly number[];
  /** How long the others took. */
  readonly failedMs: readonly number[];
  /** How late this process was at most, in milliseconds, which no call is to blame for; 0 for calls that follow each other. */
  readonly lateMs: number;
}

export interface Load {
  /** Counts what ended since the last reset. */
  results(): readonly StreamResult[];
  reset(): void;
  /** Starts nothing more; resolves when all that was started has ended. */
  stop(): Promise<void>;
}

/** Whoever was refused at once would otherwise do nothing but ask again. Half as much to half as much again, lest all ask together. */
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

/** Starts all streams. */
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
    // Callers that know nothing of each other do not call in the same moment.
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
