/**
 * A gateway in its own process that reports the memory and timers it holds. Start it with
 * `--expose-gc`.
 */
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { formatListenAddress } from "../../src/config/listen-address.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { readFileSync } from "node:fs";
import { startGateway } from "../../src/gateway/start-gateway.ts";
import { createLogger } from "../../src/observability/logging/logger.ts";
import { cpuMicroseconds, serveWorker } from "../../bench/load/serve-worker.ts";

/** Memory and timers that remain after garbage collection. */
export interface Holdings {
  readonly heapBytes: number;
  /** Peak resident memory of the process, in bytes. */
  readonly mostResidentBytes: number;
  /** Timers set through the gateway's clock that have neither fired nor been cancelled. */
  readonly timers: number;
}

export type GatewayQuestions = {
  /** Starts the gateway with the environment. Returns the address at which it serves gRPC. */
  readonly start: { given: Readonly<Record<string, string>>; answer: string };
  readonly cpu: { given: null; answer: number };
  readonly holdings: { given: null; answer: Holdings };
  /** Greatest delay of a timer since the last question, in milliseconds. */
  readonly lateMs: { given: null; answer: number };
};

const watchMs = 10;
let lateMs = 0;
let watchedAt = performance.now();
setInterval(() => {
  lateMs = Math.max(lateMs, performance.now() - watchedAt - watchMs);
  watchedAt = performance.now();
}, watchMs);

const timers = new Set<object>();
const countingClock: Clock = {
  ...systemClock,
  after(ms, callback) {
    const timer = systemClock.after(ms, () => {
      timers.delete(timer);
      callback();
    });
    timers.add(timer);
    return {
      cancel() {
        timers.delete(timer);
        timer.cancel();
      },
    };
  },
};

serveWorker<GatewayQuestions>({
  async start(env) {
    const config = loadConfig({ env, readFile: (path) => readFileSync(path, "utf8") });
    // The log is written as usual, but its output is not read.
    const logger = createLogger({ level: config.logLevel, destination: { write: () => {} } });
    const gateway = await startGateway(config, { logger, clock: countingClock });
    const [address] = gateway.addresses;
    if (address === undefined) throw new Error("the gateway listens nowhere");
    return formatListenAddress(address);
  },
  cpu: () => cpuMicroseconds(),
  lateMs() {
    const greatest = lateMs;
    lateMs = 0;
    return greatest;
  },
  async holdings() {
    // Two collections with an event-loop turn between them: the second one frees the objects that
    // finalizers released.
    for (let round = 0; round < 2; round++) {
      globalThis.gc?.();
      await new Promise((resolve) => void setImmediate(resolve));
    }
    return {
      heapBytes: process.memoryUsage().heapUsed,
      mostResidentBytes: process.resourceUsage().maxRSS * 1_024,
      timers: timers.size,
    };
  },
});
