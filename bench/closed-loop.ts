/** A closed loop of calls: a fixed number is in flight, and each that ends starts the next. */
import type { RunOptions, RunResult } from "./messages.ts";
import { median, quantile } from "./statistics.ts";

/** Makes one call. Resolves to whether the answer was right. Never rejects. */
export type CallOnce = () => Promise<boolean>;

/** Calls without an answer after this time, in milliseconds, count as failures. */
const patienceMs = 20_000;

/**
 * Keeps `inFlight` calls in flight for `durationMs`, waits for the last ones and returns the
 * result.
 */
export function closedLoop(
  call: CallOnce,
  { inFlight, durationMs }: Pick<RunOptions, "inFlight" | "durationMs">,
): Promise<RunResult> {
  return new Promise((resolve) => {
    const times: number[] = [];
    let failures = 0;
    let underWay = 0;
    let endedAt = 0;
    const startedAt = performance.now();

    const finish = (): void => {
      clearTimeout(impatient);
      resolve({
        calls: times.length,
        failures: failures + underWay,
        elapsedMs: endedAt - startedAt,
        medianMs: median(times),
        p99Ms: quantile(times, 0.99),
      });
    };
    const impatient = setTimeout(finish, durationMs + patienceMs);

    const keepCalling = async (): Promise<void> => {
      do {
        const begunAt = performance.now();
        underWay += 1;
        const isRight = await call();
        endedAt = performance.now();
        underWay -= 1;
        if (isRight) times.push(endedAt - begunAt);
        else failures += 1;
      } while (endedAt - startedAt < durationMs);
      if (underWay === 0) finish();
    };
    for (let n = 0; n < inFlight; n++) void keepCalling();
  });
}
