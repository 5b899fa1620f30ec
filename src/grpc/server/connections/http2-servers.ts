/** The HTTP/2 servers of Node that grpc-js keeps in private fields. */
import type { Server, ServerCredentials } from "@grpc/grpc-js";
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { holdsObject } from "../grpc-js.ts";

/** One HTTP/2 server of Node, as grpc-js creates it for each address. */
export interface Http2Listener extends Pick<EventEmitter, "on" | "prependListener"> {
  /** Whether its connections begin with a TLS handshake. */
  readonly isSecure: boolean;
  /** Has each new connection checked first. Node does not see those that `admits` rejects. */
  gate(admits: (socket: Socket) => boolean): void;
}

/**
 * Calls `follow` for each HTTP/2 server that grpc-js creates, before it listens. To be called
 * before the server binds an address.
 */
export function onHttp2Server(server: Server, follow: (listener: Http2Listener) => void): void {
  const create: unknown = Reflect.get(server, "createHttp2Server");
  if (typeof create !== "function") throw new Error("grpc-js has no createHttp2Server to wrap");
  const followed = (credentials: ServerCredentials): unknown => {
    const created: EventEmitter = Reflect.apply(create, server, [credentials]);
    follow({
      isSecure: created instanceof TlsServer,
      on: created.on.bind(created),
      prependListener: created.prependListener.bind(created),
      gate(admits) {
        const listeners = created.listeners("connection");
        created.removeAllListeners("connection");
        created.on("connection", (socket: Socket) => {
          if (!admits(socket)) return;
          for (const listener of listeners) Reflect.apply(listener, created, [socket]);
        });
      },
    });
    return created;
  };
  Reflect.set(server, "createHttp2Server", followed);
}

/**
 * Milliseconds since the last call of a session ended, as grpc-js counts them for its idle timeout;
 * `undefined` while there are calls.
 */
export function idleMsOf(server: Server, session: object): number | undefined {
  const timeouts: unknown = Reflect.get(server, "sessionIdleTimeouts");
  if (!(timeouts instanceof Map || timeouts instanceof WeakMap)) return undefined;
  const { activeStreams, lastIdle } = timeouts.get(session) ?? {};
  return activeStreams === 0 ? Date.now() - lastIdle : undefined;
}

/** The options with which grpc-js creates each HTTP/2 server. */
function http2Options(server: Server): object {
  const options: unknown = Reflect.get(server, "commonServerOptions");
  if (!holdsObject(options)) throw new Error("grpc-js has no commonServerOptions");
  return options;
}

/**
 * Announces to clients the largest list of request headers, in bytes (RFC 9113 section 6.5.2). Node
 * resets a stream with a larger one, once the client has acknowledged the limit. grpc-js has no
 * option for it.
 */
export function announceHeaderListSize(server: Server, bytes: number): void {
  const options = http2Options(server);
  const settings: unknown = Reflect.get(options, "settings");
  Reflect.set(options, "settings", {
    ...(holdsObject(settings) && settings),
    maxHeaderListSize: bytes,
  });
}

/**
 * Sets how many streams a client may reset on one connection: so many at once, and as many in each
 * further second. Beyond it, nghttp2 ends the connection with all its calls. Node 20 does not know
 * these two options and keeps nghttp2's own values, 1,000 and 33.
 *
 * A stream that was reset counts as open until Node has told its listeners. A client that goes on
 * meanwhile exceeds the number of concurrent streams, which it cannot know. Node resets those
 * streams, and ends the connection with more of them than `maxSessionRejectedStreams`, by default
 * 100. So they have the same limit.
 */
export function limitResets(server: Server, perSecond: number): void {
  Object.assign(http2Options(server), {
    streamResetBurst: perSecond,
    streamResetRate: perSecond,
    maxSessionRejectedStreams: perSecond,
  });
}
