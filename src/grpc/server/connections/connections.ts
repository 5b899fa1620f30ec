/**
 * The connections of callers. For most errors of the peer (a header block or value that is too
 * large, bad compression, a malformed frame, too many resets) nghttp2 gives the session up: it
 * sends GOAWAY and then neither reads nor writes. Since nghttp2 1.69, Node then destroys the
 * session with an error. With older ones, as in Node 20, it does not notice: it leaves the socket
 * open and unread, so that the session's calls would wait for their deadlines, and a shutdown for
 * its grace period. There the sessions are looked at regularly.
 */
import type { Server } from "@grpc/grpc-js";
import { constants, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { Clock } from "../../../platform/clock.ts";
import { admit, type ConnectionLimit, type ConnectionLimits } from "./admission.ts";
import { createHandshakeLog } from "./handshake-log.ts";
import { type Http2Listener, idleMsOf, onHttp2Server } from "./http2-servers.ts";
import { type ConnectionAge, limitAge } from "./connection-age.ts";
import { peerGroup } from "./peer-group.ts";
import { createRefusal } from "./refusal.ts";
import { createSessionProbe } from "./session-probe.ts";
import { replaceStreamTables } from "./session-tables.ts";
import { createSparseLog } from "./sparse-log.ts";

/** Options of `createConnections`. */
export interface ConnectionsOptions {
  readonly clock: Pick<Clock, "now" | "after">;
  readonly logger: Pick<Logger, "info" | "warn">;
  readonly limits: ConnectionLimits;
  readonly age: ConnectionAge;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Idle time after which a connection can make room for another, in ms. Default 10,000. */
  readonly evictableMs?: number;
  readonly observer?: ConnectionObserver;
}

/** Observes what happens to connections. */
export interface ConnectionObserver {
  /** nghttp2 gave the session of a connection up. */
  readonly connectionBroken: () => void;
  /** A new connection was refused at a bound. */
  readonly connectionRefused: (limit: ConnectionLimit) => void;
  /** A connection was closed to make room for a new one. */
  readonly connectionEvicted: () => void;
}

/** The open connections of a server. */
export interface Connections {
  /** Number of open connections, those in a TLS handshake included. */
  readonly count: number;
  /** Follows the connections of a server. To be called before the server binds an address. */
  watch(server: Server): void;
  /** Whether a session is over, so that no answer can reach the callers on it. */
  readonly isSessionOver: (session: object) => boolean;
}

/** An open connection. */
interface Connection {
  readonly socket: Socket;
  /** Address of the peer, for the log. */
  readonly peer: string;
  /** Group of its peer, for the bounds. */
  readonly group: string;
  /** Milliseconds since its last call ended; `undefined` while there are calls. */
  readonly idleMs: () => number | undefined;
  /** Absent during the TLS handshake. */
  session: ServerHttp2Session | undefined;
  /** Sweeps since the session was closed in an orderly way; the peer should close the socket. */
  sweepsClosed: number;
}

/** Interval at which sessions are looked at, in milliseconds. 1,000 sessions take 0.5 ms. */
const sweepMs = 100;

/** Sweeps that a peer has to close the socket after its session was closed: one second. */
const sweepsToClose = 10;

/**
 * Whether an error of a session is nghttp2's judgement of what the peer sent. Other errors are
 * those of the socket, and a GOAWAY of the peer.
 */
const isOfNghttp2 = (error: Error): boolean =>
  "code" in error &&
  (error.code === "ERR_HTTP2_ERROR" || error.code === "ERR_HTTP2_TOO_MANY_INVALID_FRAMES");

/** Creates an empty set of connections. */
export function createConnections(options: ConnectionsOptions): Connections {
  const { clock, logger, limits, observer, evictableMs = 10_000 } = options;
  /** Open connections by the group of their peer, the oldest first. */
  const byPeer = new Map<string, Set<Connection>>();
  let count = 0;
  /** Evicted connections whose sockets are still open. They count no longer. */
  const closing = new Set<Connection>();
  const isSessionOver = createSessionProbe(logger);
  const warn = createSparseLog(logger, clock);
  const refuse = createRefusal(clock);
  const handshakeFailed = createHandshakeLog(options);
  let isSweeping = false;

  const check = (connection: Connection): void => {
    const { session, socket } = connection;
    if (session === undefined) return;
    if (session.destroyed) {
      connection.sweepsClosed += 1;
      if (connection.sweepsClosed > sweepsToClose) socket.destroy();
      return;
    }
    if (!isSessionOver(session)) return;
    if (!session.closed) reportBroken(connection);
    close(connection);
  };
  const reportBroken = ({ peer }: Connection): void => {
    observer?.connectionBroken();
    warn("a connection is closed, because its peer broke the rules of HTTP/2", { peer });
  };
  const close = (connection: Connection): void => {
    connection.session?.destroy();
    // Node closes the socket now, unless a write hangs; then the next sweep does.
    connection.sweepsClosed = sweepsToClose;
  };
  const sweep = (): void => {
    for (const connections of byPeer.values()) for (const each of connections) check(each);
    for (const each of closing) check(each);
    isSweeping = false;
    keepSweeping();
  };
  const keepSweeping = (): void => {
    if (isSweeping || count + closing.size === 0) return;
    isSweeping = true;
    clock.after(sweepMs, sweep);
  };
  const isEvictable = ({ session, idleMs }: Connection): boolean =>
    session !== undefined && (idleMs() ?? -1) >= evictableMs;

  /** Makes room for a connection, or refuses it. */
  const makeRoom = (socket: Socket, group: string, isTls: boolean): boolean => {
    const admission = admit(byPeer, group, limits, isEvictable);
    const { isAdmitted, limit } = admission;
    if (limit !== undefined) {
      warn("the bound of connections is reached", { limit, peer: group, isRefused: !isAdmitted });
    }
    if (!admission.isAdmitted) {
      observer?.connectionRefused(admission.limit);
      refuse(socket, isTls);
    } else if (admission.evicted !== undefined) {
      observer?.connectionEvicted();
      evict(admission.evicted);
    }
    return isAdmitted;
  };
  const evict = (connection: Connection): void => {
    const { session, socket, idleMs } = connection;
    leave(connection);
    closing.add(connection);
    if (session === undefined || session.destroyed) socket.destroy();
    else if (idleMs() !== undefined) session.close();
    else {
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("too many connections"));
      close(connection);
    }
  };
  const leave = (connection: Connection): void => {
    const { group } = connection;
    const connections = byPeer.get(group);
    if (connections?.delete(connection) !== true) return;
    if (connections.size === 0) byPeer.delete(group);
    count -= 1;
  };
  const open = (socket: Socket, group: string, idleMs: Connection["idleMs"]): Connection => {
    const { remoteAddress, remotePort } = socket;
    const peer = remoteAddress === undefined ? group : `${remoteAddress}:${remotePort}`;
    const connection = { socket, peer, group, idleMs, session: undefined, sweepsClosed: 0 };
    byPeer.set(group, (byPeer.get(group) ?? new Set()).add(connection));
    count += 1;
    socket.once("close", () => {
      leave(connection);
      closing.delete(connection);
    });
    keepSweeping();
    return connection;
  };

  const follow = (listener: Http2Listener, server: Server): void => {
    /** The connection whose session is created in the present turn. */
    let beginning: Connection | undefined;
    /** Connections in their TLS handshake, by their peer. */
    const handshakes = new Map<string, Connection>();
    listener.gate((socket) => {
      const group = peerGroup(socket.remoteAddress);
      if (!makeRoom(socket, group, listener.isSecure)) return false;
      const connection = open(socket, group, () => {
        const { session } = connection;
        return session && idleMsOf(server, session);
      });
      beginning = connection;
      if (listener.isSecure) {
        const { peer } = connection;
        handshakes.set(peer, connection);
        socket.once("close", () => handshakes.delete(peer));
      }
      return true;
    });
    listener.prependListener("secureConnection", ({ remoteAddress, remotePort }: Socket) => {
      beginning = handshakes.get(`${remoteAddress}:${remotePort}`);
    });
    if (listener.isSecure) listener.on("tlsClientError", handshakeFailed);
    listener.on("session", (session: ServerHttp2Session) => {
      replaceStreamTables(session);
      const connection = beginning;
      beginning = undefined;
      if (connection === undefined) return;
      connection.session = session;
      session.once("error", (error) => {
        if (isOfNghttp2(error)) reportBroken(connection);
      });
      limitAge(session, options.age, options);
    });
  };

  return {
    get count() {
      return count;
    },
    watch: (server) => onHttp2Server(server, (listener) => follow(listener, server)),
    isSessionOver,
  };
}
