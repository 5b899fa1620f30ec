import type { RunOptions, RunResult } from "./messages.ts";
import { median, quantile } from "./statistics.ts";

/** Makes one call; resolves with whether it got the right answer. Never rejects. */
export type CallOnce = () => Promise<boolean>;

/** After this long without their answer calls are counted as failures, in milliseconds. */
const patienceMs = 20_000;

/** Keeps a number of calls under way: each that ends is followed by a new one until the time is over. */
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
