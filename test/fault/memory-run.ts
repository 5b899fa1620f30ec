/** A gateway in its own process that reports its memory over IPC. Start it with `--expose-gc`. */
import { loadConfig } from "../../src/config/load-config.ts";
import { formatListenAddress } from "../../src/config/listen-address.ts";
import { startGateway } from "../../src/gateway/start-gateway.ts";
import { createLogger } from "../../src/observability/logging/logger.ts";

/** A report of the process. */
export interface MemoryReading {
  readonly heapUsed: number;
  /** Resources that keep the process alive, such as `Timeout`. */
  readonly resources: readonly string[];
}

const config = loadConfig({
  env: process.env,
  readFile: (path) => {
    throw new Error(`no such file: ${path}`);
  },
});
const logger = createLogger({ level: "fatal" });
const gateway = await startGateway(config, { logger, hasProcessMetrics: false });
const [listener] = gateway.addresses;
if (listener === undefined || process.send === undefined) throw new Error("nobody is there");
process.send({ address: formatListenAddress(listener), admin: gateway.admin });

process.on("message", (message) => {
  if (message !== "measure") {
    void gateway.drain().then(() => process.disconnect());
    return;
  }
  void (async () => {
    for (let turns = 0; turns < 8; turns++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const reading: MemoryReading = {
      heapUsed: process.memoryUsage().heapUsed,
      resources: process.getActiveResourcesInfo(),
    };
    process.send?.(reading);
  })();
});
