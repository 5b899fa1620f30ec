/** The failure of a proxy to make a connection. */
import { isTlsFailure } from "../../platform/tls-errors.ts";
import { StacklessError } from "../../platform/errors.ts";

/**
 * How the proxy failed.
 *
 * - `REFUSED`: it answered CONNECT with a status other than 2xx.
 * - `TLS`: its certificate or host name was not accepted, or the handshake with it failed.
 * - `UNREACHABLE`: it could not be reached, was silent for too long or closed the connection.
 */
export type ProxyFailure = "REFUSED" | "TLS" | "UNREACHABLE";

/** Facts about a failure beyond its kind. */
export interface ProxyErrorFacts {
  /** The status of the proxy's answer; only for `REFUSED`. */
  readonly httpStatus?: number | undefined;
  readonly cause?: unknown;
}

/**
 * A proxy made no connection, so nothing was sent to the server behind it. The message names host
 * and port of the proxy and its status; it never contains a user or a password. Match on `code`,
 * which is none of undici's codes: undici repeats a connection that fails with `UND_ERR_SOCKET`
 * without an end.
 */
export class ProxyError extends StacklessError {
  override readonly name = "ProxyError";
  readonly code: `PROXY_${ProxyFailure}`;
  readonly httpStatus: number | undefined;

  constructor(failure: ProxyFailure, message: string, facts: ProxyErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = `PROXY_${failure}`;
    this.httpStatus = facts.httpStatus;
  }
}

/** The failure of a connection to a proxy, or of the request in it, before there was an answer. */
export function toProxyError(host: string, cause: Error): ProxyError {
  if ("code" in cause && isTlsFailure(String(cause.code))) {
    return new ProxyError("TLS", `the certificate of the proxy ${host} is not accepted`, { cause });
  }
  const text = `the proxy ${host} cannot be reached or closed the connection`;
  return new ProxyError("UNREACHABLE", text, { cause });
}
