/** Connections through an HTTP proxy: undici's CONNECT request, then TLS inside of the tunnel. */
import { isIPv6, Socket } from "node:net";
import { Client } from "undici";
import type { buildConnector } from "undici";
import type { Secret } from "../../platform/secret.ts";
import { ProxyError, toProxyError } from "./proxy-error.ts";

/** An HTTP proxy that connections go through. */
export interface Proxy {
  /** Scheme, host and port, such as `http://proxy.example.com:3128`. */
  readonly origin: string;
  /** `user:password`, decoded. Absent: the proxy asks for none. */
  readonly credentials?: Secret | undefined;
}

/** Begins to connect and returns a function that gives up: it closes what is open by then. */
export type BeginConnect = (
  target: buildConnector.Options,
  callback: buildConnector.Callback,
) => (error: Error) => void;

/** Connectors of the two hops. */
export interface TunnelConnectors {
  /** Connects to the proxy; TLS if the proxy's URL says so. */
  readonly toProxy: buildConnector.connector;
  /** Makes the TLS connection to the target inside of the tunnel. */
  readonly toTarget: buildConnector.connector;
}

/** Host and port of a proxy, for texts. */
export const proxyHost = ({ origin }: Pick<Proxy, "origin">): string => new URL(origin).host;

/** Host and port of the target, as CONNECT needs them. */
const authorityOf = ({ hostname, port, protocol }: buildConnector.Options): string => {
  const host = isIPv6(hostname) ? `[${hostname}]` : hostname;
  return `${host}:${port || (protocol === "https:" ? "443" : "80")}`;
};

const basic = (credentials: Secret): string =>
  `Basic ${Buffer.from(credentials.reveal()).toString("base64")}`;

/** Closes a connection that is of no use. Its errors interest no code. */
const discard = (socket: unknown): void => {
  if (socket instanceof Socket) socket.on("error", () => undefined).destroy();
};

/**
 * Creates the function that connects through a proxy. Every failure up to the proxy's answer is a
 * `ProxyError`. Decision 0020 says why undici's `ProxyAgent` is not used.
 */
export function createTunnel(proxy: Proxy, { toProxy, toTarget }: TunnelConnectors): BeginConnect {
  const host = proxyHost(proxy);
  const authorization =
    proxy.credentials === undefined ? {} : { "proxy-authorization": basic(proxy.credentials) };
  return (target, callback) => {
    /** Every socket of this connection so far, the innermost first. */
    const sockets: unknown[] = [];
    let isSettled = false;
    const settle: buildConnector.Callback = (...result) => {
      if (isSettled) return;
      isSettled = true;
      callback(...result);
    };
    const client = new Client(proxy.origin, {
      // undici takes the name for TLS from the header `host`, which is the target's.
      connect: (hop, done) => void sockets.unshift(toProxy({ ...hop, servername: "" }, done)),
      // The time-out of the whole connection ends a proxy that does not answer.
      headersTimeout: 0,
    });
    const path = authorityOf(target);
    client.connect({ path, headers: { host: path, ...authorization } }, (error, answer) => {
      // The tunnel has left the client, which holds nothing else.
      void client.destroy();
      if (error !== null) return settle(toProxyError(host, error), null);
      const { statusCode, socket } = answer;
      if (statusCode < 200 || statusCode > 299 || !(socket instanceof Socket)) {
        discard(socket);
        const text = `the proxy ${host} answered CONNECT with status ${statusCode}`;
        return settle(new ProxyError("REFUSED", text, { httpStatus: statusCode }), null);
      }
      if (target.protocol !== "https:") return settle(null, socket);
      sockets.unshift(toTarget({ ...target, httpSocket: socket }, settle));
      return undefined;
    });
    return (error) => {
      const text = `no connection through the proxy ${host} in time`;
      settle(new ProxyError("UNREACHABLE", text, { cause: error }), null);
      void client.destroy(error);
      for (const socket of sockets) discard(socket);
    };
  };
}
