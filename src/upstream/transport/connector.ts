/** Sets up the connections to one server, directly or through a proxy. */
import { Socket } from "node:net";
import { buildConnector, errors } from "undici";
import type { Clock } from "../../platform/clock.ts";
import { addressAttemptMs } from "./address-attempt.ts";
import { type BeginConnect, createTunnel, type Proxy } from "./tunnel.ts";

/** PEM certificates of authorities that are trusted *instead of* the system's. */
export type TrustedCa = string | Buffer | readonly (string | Buffer)[];

/** Settings and dependencies of a connector. */
export interface ConnectorOptions {
  /** Connect time-out, proxy and TLS included, in milliseconds. Default 900. */
  readonly connectTimeoutMs?: number | undefined;
  /** Default: the system's authorities. */
  readonly ca?: TrustedCa | undefined;
  /** Default: connections are direct. */
  readonly proxy?: (Proxy & { readonly ca?: TrustedCa | undefined }) | undefined;
  readonly clock: Clock;
}

/** undici's connector without its time-out, which is rounded up to a half-second clock. */
const connectorWith = (connectTimeoutMs: number, ca: TrustedCa | undefined) =>
  buildConnector({
    timeout: 0,
    autoSelectFamilyAttemptTimeout: addressAttemptMs(connectTimeoutMs),
    allowH2: false,
    minVersion: "TLSv1.2",
    // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment could turn the default off.
    rejectUnauthorized: true,
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
    ...(ca === undefined
      ? {}
      : { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
  });

const beginDirect =
  (connect: buildConnector.connector): BeginConnect =>
  (target, callback) => {
    // The declared type is void, but the socket is returned.
    const socket: unknown = connect(target, callback);
    return (error) => {
      if (socket instanceof Socket) socket.destroy(error);
    };
  };

/**
 * Creates a connector for undici with an exact time-out: undici rounds its own up to a tick of a
 * half-second clock, or to the one after, so that 50 ms become 1,000 and 1,000 become 1,500. The
 * time-out covers the way to a proxy, its answer and the TLS handshakes.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { ca, proxy, clock, connectTimeoutMs = 900 } = options;
  const connect = connectorWith(connectTimeoutMs, ca);
  const begin =
    proxy === undefined
      ? beginDirect(connect)
      : createTunnel(proxy, {
          toProxy: connectorWith(connectTimeoutMs, proxy.ca),
          toTarget: connect,
        });
  return (target, callback) => {
    const timer = clock.after(connectTimeoutMs, () => {
      giveUp(new errors.ConnectTimeoutError(`no connection within ${connectTimeoutMs} ms`));
    });
    const giveUp = begin(target, (...result) => {
      timer.cancel();
      callback(...result);
    });
  };
}
