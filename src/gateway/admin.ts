/** Starts the admin server on what it shows. */
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import { type Admin, startAdmin } from "../observability/admin-server.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";
import type { Clock } from "../platform/clock.ts";
import { gatewayVersion } from "../platform/version.ts";
import type { Instance } from "./outbound/instance.ts";
import type { ReadinessState } from "./readiness.ts";

/** Dependencies of `openAdmin`. */
export interface AdminDeps {
  readonly metrics: Metrics;
  readonly instances: ReadonlyMap<string, Instance>;
  /** `undefined` while the gateway starts. */
  readonly readiness: () => ReadinessState | undefined;
  /** When the gateway started, in ms of `clock.now()`. */
  readonly startedAt: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Starts the admin server. Rejects with a `ListenError` if it cannot listen. */
export async function openAdmin(config: Config, deps: AdminDeps): Promise<Admin> {
  const { metrics, instances, readiness, startedAt, clock, logger } = deps;
  const admin = await startAdmin({
    listen: config.adminListen,
    metrics,
    readiness: () => readiness()?.current() ?? { isReady: false, reasons: ["starting"] },
    state: () => ({
      version: gatewayVersion(),
      uptimeSeconds: (clock.now() - startedAt) / 1_000,
      isDraining: readiness()?.isDraining ?? false,
      instances: Object.fromEntries(
        [...instances.values()].map(({ alias, state }) => [alias, state()]),
      ),
    }),
  });
  logger.info(
    { address: `${admin.host}:${admin.port}` },
    "serving /metrics, /state, /livez and /readyz",
  );
  return admin;
}
