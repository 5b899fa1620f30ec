/** Resolves the caller of a call. */
import { status } from "@grpc/grpc-js";
import { BlockList, isIP } from "node:net";
import { Secret } from "../../platform/secret.ts";
import { StatusError } from "../status/status-error.ts";
import type { Interceptor } from "./interceptor.ts";

/** Options of `createAuthenticate`. */
export interface AuthenticateOptions {
  /** Whether the TCP listeners use TLS. */
  readonly isTls: boolean;
}

/** RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1). */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Creates the interceptor that writes `caller` and `callerToken` into the context. The caller is
 * the SPIFFE ID of the client certificate, `unix` on a Unix socket, and `anonymous` otherwise.
 * Rejects with `UNAUTHENTICATED` if the certificate does not identify the caller.
 *
 * The bearer token in `authorization` is accepted only over TLS, a Unix socket or loopback. A
 * token that crossed a network in plaintext is ignored, and so are two tokens: a call that needs
 * one is then refused upstream.
 */
export function createAuthenticate(options: AuthenticateOptions): Interceptor {
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8, "ipv4");
  loopback.addAddress("::1", "ipv6");

  const isPrivate = (peer: string): boolean =>
    peer === "unix" || options.isTls || isLoopback(loopback, peer);

  return (next) => (request, context) => {
    if (context.certificateProblem !== undefined) {
      return Promise.reject(
        new StatusError(
          status.UNAUTHENTICATED,
          "CALLER_UNAUTHENTICATED",
          `the caller is not identified: ${context.certificateProblem}`,
        ),
      );
    }
    context.caller = context.certificateUri ?? (context.peer === "unix" ? "unix" : "anonymous");
    const values = context.metadata.get("authorization");
    if (values.length > 0 && isPrivate(context.peer)) context.callerToken = bearerToken(values);
    return next(request, context);
  };
}

function bearerToken(values: readonly unknown[]): Secret | undefined {
  const [value] = values;
  // With two tokens it is unknown which one the caller means, so none is used.
  if (values.length !== 1 || typeof value !== "string") return undefined;
  const token = bearer.exec(value)?.[1];
  return token === undefined ? undefined : new Secret(token);
}

/** Whether a peer is on loopback. grpc-js writes `127.0.0.1:1`, `::1:1` or `::ffff:127.0.0.1:1`. */
function isLoopback(loopback: BlockList, peer: string): boolean {
  const address = peer.slice(0, peer.lastIndexOf(":"));
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 4 ? "ipv4" : "ipv6");
}
