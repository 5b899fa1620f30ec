import { status } from "@grpc/grpc-js";
import { BlockList, isIP } from "node:net";
import { Secret } from "../../platform/secret.ts";
import type { CallContext } from "../call/call-context.ts";
import type { Interceptor } from "./interceptor.ts";
import { StatusError } from "../status/status-error.ts";

/** RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1). */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** What `authenticate` has to know of the listeners. */
export interface AuthenticateOptions {
  /** Whether TCP listeners speak TLS. */
  readonly isTls: boolean;
}

/**
 * Says who calls: the SPIFFE ID of the client certificate, `unix` on a Unix socket, else `anonymous`. Rejects with
 * `UNAUTHENTICATED` if the certificate does not identify the caller.
 *
 * A bearer token in `authorization` is taken only if it came over TLS, a Unix socket or loopback; one that crossed a network
 * in the clear is treated as if it had not been sent.
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
    const caller = context.certificateUri ?? (context.peer === "unix" ? "unix" : "anonymous");
    const token = bearerToken(context);
    const callerToken = token !== undefined && isPrivate(context.peer) ? token : undefined;
    return next(request, { ...context, caller, callerToken });
  };
}

function bearerToken(context: CallContext): Secret | undefined {
  const values = context.metadata.get("authorization");
  const [value] = values;
  // Two tokens are no token: which of them the caller meant cannot be known.
  if (values.length !== 1 || typeof value !== "string") return undefined;
  const token = bearer.exec(value)?.[1];
  return token === undefined ? undefined : new Secret(token);
}

/** `127.0.0.1:50000`, `::1:50000` or `::ffff:127.0.0.1:50000`, as grpc-js writes a peer. */
function isLoopback(loopback: BlockList, peer: string): boolean {
  const address = peer.slice(0, peer.lastIndexOf(":"));
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 4 ? "ipv4" : "ipv6");
}
