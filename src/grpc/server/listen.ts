import { ServerCredentials, ServerInterceptingCall, experimental } from "@grpc/grpc-js";
import type { Server } from "@grpc/grpc-js";
import { isIPv6 } from "node:net";
import type { ListenAddress } from "../../config/listen-address.ts";
import { ListenError } from "../../platform/_listen-error.ts";
import { bindUnixSocket } from "./unix-socket.ts";

/** A listener that is bound. */
export interface Listener {
  /** Where it listens, with the port that the system chose in place of port 0. */
  readonly address: ListenAddress;
  /** Removes what the listener has left behind when its server has closed. */
  cleanUp(): Promise<void>;
}

/**
 * Binds one address of a server. TCP listeners use `tcpCredentials`; a Unix socket is plaintext, its access is a matter of file
 * permissions (mode 0660). Rejects with a `ListenError` if that cannot be done.
 */
export async function listen(
  server: Server,
  address: ListenAddress,
  tcpCredentials: ServerCredentials,
): Promise<Listener> {
  if (address.kind === "tcp") {
    const host = isIPv6(address.host) ? `[${address.host}]` : address.host;
    const port = await bind(server, `${host}:${address.port}`, tcpCredentials);
    return { address: { ...address, port }, cleanUp: () => Promise.resolve() };
  }
  const credentials = experimental.createServerCredentialsWithInterceptors(
    ServerCredentials.createInsecure(),
    [(_method, call) => new UnixCall(call)],
  );
  const socket = await bindUnixSocket(address.path, (path) =>
    bind(server, `unix:${path}`, credentials),
  ).catch((error: unknown) => {
    // What is bound is a path in a folder that nobody has heard of.
    const cause: unknown = error instanceof ListenError ? error.cause : error;
    throw new ListenError(`unix:${address.path}`, cause);
  });
  return { address, cleanUp: () => socket.remove() };
}

/**
 * A call that came over a Unix socket. grpc-js calls its peer `unknown`, which is also what it calls a TCP peer whose
 * connection has just broken; only the listener can tell the two apart.
 */
class UnixCall extends ServerInterceptingCall {
  override getPeer(): string {
    return "unix";
  }
}

function bind(server: Server, target: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new ListenError(target, error));
    });
  });
}
