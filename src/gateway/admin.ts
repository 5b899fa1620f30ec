/** Builds what the admin listener shows: the state and the console. Then starts its server. */
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import { isLocalAddress } from "../config/listen-address.ts";
import type { Console } from "../console/console.ts";
import { type Admin, type AdminPages, startAdmin } from "../observability/admin-server.ts";
import { secondsBounds } from "../observability/metrics/definitions.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";
import type { GatewayState } from "../observability/state.ts";
import type { Clock } from "../platform/clock.ts";
import { gatewayVersion } from "../platform/version.ts";
import type { Instance } from "./outbound/instance.ts";
import type { ReadinessState } from "./readiness.ts";

/** Dependencies of the admin listener and the console. */
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

const stateOf = ({ instances, readiness, startedAt, clock }: AdminDeps): GatewayState => ({
  version: gatewayVersion(),
  uptimeSeconds: (clock.now() - startedAt) / 1_000,
  isDraining: readiness()?.isDraining ?? false,
  instances: Object.fromEntries(
    [...instances.values()].map(({ alias, state }) => [alias, state()]),
  ),
});

/** Starts the console, unless it is off. Its code is loaded only then. */
export async function openConsole(config: Config, deps: AdminDeps): Promise<Console | undefined> {
  const { adminListen } = config;
  const { mode, callers, hosts = [] } = config.console;
  if (mode === "off" || (mode === "auto" && !isLocalAddress(adminListen))) return undefined;
  const { metrics, instances, clock } = deps;
  const { createConsole } = await import("../console/console.ts");
  return createConsole({
    readings: {
      state: () => stateOf(deps),
      exchangesOf: metrics.exchangesOf,
      handlingCounts: metrics.handlingCounts,
      bounds: secondsBounds,
    },
    waitingOf: (alias) => instances.get(alias)?.waitingByCaller ?? new Map(),
    certificateSeconds: metrics.certificateSeconds,
    namesCallers: callers,
    hosts: [...hosts, adminListen.host].map((host) => host.toLowerCase()),
    clock,
  });
}

/** Starts the admin server. Rejects with a `ListenError` if it cannot listen. */
export async function openAdmin(
  config: Config,
  deps: AdminDeps & { readonly pages: AdminPages | undefined },
): Promise<Admin> {
  const { metrics, readiness, pages, logger } = deps;
  const admin = await startAdmin({
    listen: config.adminListen,
    metrics,
    readiness: () => readiness()?.current() ?? { isReady: false, reasons: ["starting"] },
    state: () => stateOf(deps),
    pages,
  });
  logger.info(
    { address: `${admin.host}:${admin.port}`, console: pages !== undefined },
    "serving /metrics, /state, /livez and /readyz",
  );
  return admin;
}
