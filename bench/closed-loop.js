import { median, quantile } from "./statistics.js";
/** After this long without their answer calls are counted as failures, in milliseconds. */
const patienceMs = 20_000;
/** Keeps a number of calls under way: each that ends is followed by a new one until the time is over. */
export function closedLoop(call, { inFlight, durationMs }) {
  return new Promise((resolve) => {
    const times = [];
    let failures = 0;
    let underWay = 0;
    let endedAt = 0;
    const startedAt = performance.now();
    const finish = () => {
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
    const keepCalling = async () => {
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
