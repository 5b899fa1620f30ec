/**
 * The connections of callers. Node does not notice when nghttp2 gives a session up: for most errors
 * of the peer (a header block or value that is too large, bad compression, a malformed frame, too
 * many resets) nghttp2 sends GOAWAY and then neither reads nor writes. Node then leaves the socket
 * open and unread, so that the session's calls would wait for their deadlines, and a shutdown for
 * its grace period.
 */
import type { Server } from "@grpc/grpc-js";
import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { Clock } from "../../../platform/clock.ts";
import { onHttp2Server, type Http2Listener, sessionOf } from "../grpc-js.ts";
import { createSessionProbe } from "./session-probe.ts";

/** Options of `createConnections`. */
export interface ConnectionsOptions {
  readonly clock: Pick<Clock, "after">;
  readonly logger: Pick<Logger, "warn">;
  /** Called for each connection whose session nghttp2 gave up. */
  readonly onBroken?: () => void;
}

/** The open connections of a server. */
export interface Connections {
  /** Number of open connections, those in a TLS handshake included. */
  readonly count: number;
  /** Follows the connections of a server. To be called before the server binds an address. */
  watch(server: Server): void;
  /**
   * Whether the session of a call is over, so that no answer can reach the caller. `call` is the
   * handler's.
   */
  readonly isOver: (call: object) => boolean;
}

/** An open connection. */
interface Connection {
  readonly socket: Socket;
  /** Address of the peer, for the log. */
  readonly peer: string;
  /** Absent during the TLS handshake. */
  session: ServerHttp2Session | undefined;
  /** Sweeps since the session was closed in an orderly way; the peer should close the socket. */
  sweepsClosed: number;
}

/** Interval at which sessions are looked at, in milliseconds. 1,000 sessions take 0.5 ms. */
const sweepMs = 100;

/** Sweeps that a peer has to close the socket after its session was closed: one second. */
const sweepsToClose = 10;

/** Creates an empty set of connections. */
export function createConnections(options: ConnectionsOptions): Connections {
  const { clock, logger } = options;
  const connections = new Set<Connection>();
  const isSessionOver = createSessionProbe(logger);
  let isSweeping = false;

  const check = (connection: Connection): void => {
    const { session, socket, peer } = connection;
    if (session === undefined) return;
    if (session.destroyed) {
      connection.sweepsClosed += 1;
      if (connection.sweepsClosed > sweepsToClose) socket.destroy();
      return;
    }
    if (!isSessionOver(session)) return;
    if (!session.closed) {
      options.onBroken?.();
      logger.warn({ peer }, "a connection is closed, because its peer broke the rules of HTTP/2");
    }
    session.destroy();
    // Node closes the socket now, unless a write hangs; then the next sweep does.
    connection.sweepsClosed = sweepsToClose;
  };
  const sweep = (): void => {
    for (const connection of connections) check(connection);
    isSweeping = connections.size > 0;
    if (isSweeping) clock.after(sweepMs, sweep);
  };
  const open = (socket: Socket): Connection => {
    const { remoteAddress, remotePort } = socket;
    const peer = remoteAddress === undefined ? "unix" : `${remoteAddress}:${remotePort}`;
    const connection: Connection = { socket, peer, session: undefined, sweepsClosed: 0 };
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
    if (!isSweeping) {
      isSweeping = true;
      clock.after(sweepMs, sweep);
    }
    return connection;
  };

  const follow = (listener: Http2Listener): void => {
    /** The connection whose session is created in the present turn. */
    let beginning: Connection | undefined;
    /** Connections in their TLS handshake, by their peer. */
    const handshakes = new Map<string, Connection>();
    listener.prependListener("connection", (socket: Socket) => {
      beginning = open(socket);
      const { peer } = beginning;
      if (!listener.isSecure) return;
      handshakes.set(peer, beginning);
      socket.once("close", () => handshakes.delete(peer));
    });
    listener.prependListener("secureConnection", ({ remoteAddress, remotePort }: Socket) => {
      beginning = handshakes.get(`${remoteAddress}:${remotePort}`);
    });
    listener.on("session", (session: ServerHttp2Session) => {
      if (beginning !== undefined) beginning.session = session;
      beginning = undefined;
    });
  };

  return {
    get count() {
      return connections.size;
    },
    watch: (server) => onHttp2Server(server, follow),
    isOver(call) {
      const session = sessionOf(call);
      return session !== undefined && isSessionOver(session);
    },
  };
}
