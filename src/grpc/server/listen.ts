/** Binds the addresses of a server: TCP and Unix domain sockets. */
import { ServerCredentials, experimental } from "@grpc/grpc-js";
import type { Server } from "@grpc/grpc-js";
import { isIPv6 } from "node:net";
import type { ListenAddress } from "../../config/listen-address.ts";
import { ListenError } from "../../platform/errors.ts";
import { markUnixCall } from "./receiving/library-call.ts";
import { bindUnixSocket } from "./unix-socket.ts";

/** A bound listener. */
export interface Listener {
  /** Its address, with the port that the system chose in place of port 0. */
  readonly address: ListenAddress;
  /** Removes the socket file. Called after the server has closed. */
  cleanUp(): Promise<void>;
}

/**
 * Binds one address of a server. TCP listeners use `tcpCredentials`. A Unix socket is plaintext and
 * protected by its file permissions (mode 0660). Rejects with a `ListenError` if the address cannot
 * be bound.
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
    [markUnixCall],
  );
  const socket = await bindUnixSocket(address.path, (path) =>
    bind(server, `unix:${path}`, credentials),
  ).catch((error: unknown) => {
    // The bound path is in a temporary folder, so the error names the configured path instead.
    const cause: unknown = error instanceof ListenError ? error.cause : error;
    throw new ListenError(`unix:${address.path}`, cause);
  });
  return { address, cleanUp: () => socket.remove() };
}

function bind(server: Server, target: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new ListenError(target, error));
    });
  });
}
