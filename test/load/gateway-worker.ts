/** The gateway in a process of its own that can be asked what it holds. Started with `--expose-gc`. */
import { systemClock, type Clock } from "../../src/platform/clock.ts";
import { formatListenAddress } from "../../src/config/listen-address.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { readFileSync } from "node:fs";
import { startGateway } from "../../src/gateway/start-gateway.ts";
import { createLogger } from "../../src/observability/logging/logger.ts";
import { cpuMicroseconds, serveWorker } from "../../bench/load/serve-worker.ts";

/** What is held once garbage has been collected. */
export interface Holdings {
  readonly heapBytes: number;
  /** The most memory that the process ever had resident, in bytes. */
  readonly mostResidentBytes: number;
  /** Timers set through the gateway's clock that have neither fired nor been cancelled. */
  readonly timers: number;
}

export type GatewayQuestions = {
  /** Given the environment; answers where gRPC is served. */
  readonly start: { given: Readonly<Record<string, string>>; answer: string };
  readonly cpu: { given: null; answer: number };
  readonly holdings: { given: null; answer: Holdings };
};

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
    // Written like any log, and read by nobody.
    const logger = createLogger({ level: config.logLevel, destination: { write: () => {} } });
    const gateway = await startGateway(config, { logger, clock: countingClock });
    const [address] = gateway.addresses;
    if (address === undefined) throw new Error("the gateway listens nowhere");
    return formatListenAddress(address);
  },
  cpu: () => cpuMicroseconds(),
  async holdings() {
    // Twice, with a turn of the event loop between: what is freed by a finalizer goes with the second.
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
