/** The log of TLS handshakes that fail because of the caller. */
import { Socket } from "node:net";
import type { Logger } from "pino";
import { createLogThrottle } from "../../../platform/logging/log-throttle.ts";
import type { Clock } from "../../../platform/clock.ts";
import { isTlsFailure } from "../../../platform/tls-errors.ts";

/** Dependencies of the log. */
export interface HandshakeLogDeps {
  readonly clock: Pick<Clock, "now">;
  readonly logger: Pick<Logger, "info">;
}

/** The part of a TLS socket that is read. */
export interface HandshakeSocket {
  readonly remoteAddress?: string | undefined;
  readonly authorizationError?: unknown;
}

/** A failure is logged at most once in this time per address and code, in milliseconds. */
const quietMs = 60_000;
/** Addresses and codes that are remembered. Anybody can connect, so they are bounded. */
const maxKinds = 1_000;

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";

/**
 * The address of the peer. A TLS socket that is closed has forgotten it. The TCP socket below has
 * not; Node keeps it in a private field.
 */
function addressOf(socket: HandshakeSocket): string | undefined {
  if (socket.remoteAddress !== undefined) return socket.remoteAddress;
  const parent: unknown = Reflect.get(socket, "_parent");
  return parent instanceof Socket ? parent.remoteAddress : undefined;
}

/**
 * Creates the listener for Node's `tlsClientError`. A refused client certificate and a failed
 * handshake are logged with the address and OpenSSL's code. A connection that ends without a
 * handshake (a probe, a port scan) is not.
 */
export function createHandshakeLog({ clock, logger }: HandshakeLogDeps) {
  const due = createLogThrottle({ clock, quietMs, maxKinds });
  return (error: unknown, socket: HandshakeSocket): void => {
    const { authorizationError } = socket;
    // For a certificate that is not accepted, the error says only that the connection has ended.
    const code =
      typeof authorizationError === "string" ? authorizationError : codeOf(error).slice(0, 100);
    if (!isTlsFailure(code) && typeof authorizationError !== "string") return;
    const address = addressOf(socket);
    if (due(`${address} ${code}`) === 0) return;
    logger.info({ address, code }, "a TLS handshake with a caller failed");
  };
}
