/** How the servers of Key Protect and IAM are connected to: time-out, trust and proxy. */
import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import { isReachedDirectly } from "../../config/proxy-server.ts";
import type { Clock } from "../../platform/clock.ts";
import { readSmallFileSync } from "../../platform/files/small-file.ts";
import type { ConnectorOptions } from "../../upstream/transport/connector.ts";
import { proxyHost } from "../../upstream/transport/tunnel.ts";

/**
 * Returns the options of connections to a server, by its URL. `direct`: without a proxy, whatever
 * is configured.
 */
export type ConnectionsOf = (url: string, way?: "direct") => ConnectorOptions;

/** Dependencies of the connections. */
export interface ConnectionDeps {
  readonly logger: Pick<Logger, "info">;
  readonly clock: Clock;
}

const readCa = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : readSmallFileSync(path).toString();

/** Reads the files of the authorities. Each server that is reached through a proxy is logged. */
export function createUpstreamConnections(
  { upstream, proxy }: Pick<Config, "upstream" | "proxy">,
  { logger, clock }: ConnectionDeps,
): ConnectionsOf {
  const { connectTimeoutMs } = upstream;
  const ca = readCa(upstream.caFile);
  const proxyCa = readCa(proxy.caFile) ?? ca;
  return (url, way) => {
    const { protocol, host } = new URL(url);
    const server = protocol === "https:" ? proxy.https : proxy.http;
    const direct = { connectTimeoutMs, ca, clock };
    const isDirect = way === "direct" || isReachedDirectly(url, proxy.noProxy);
    if (server === undefined || isDirect) return direct;
    logger.info({ server: host, proxy: proxyHost(server) }, "this server is reached by a proxy");
    return { ...direct, proxy: { ...server, ca: proxyCa } };
  };
}
