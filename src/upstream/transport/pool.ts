/** Connections to one origin. Hosts share nothing: a slow region must not take the connections of another. */
import { Socket } from "node:net";
import { buildConnector, errors, Pool as UndiciPool } from "undici";
import type { Dispatcher } from "undici";
import type { Clock } from "../../platform/clock.ts";

/** What an exchange needs of a pool: to be put on a connection. */
export type Dispatch = Pick<Dispatcher, "dispatch">;

/** Connections to one origin, renewed from time to time. */
export interface Pool extends Dispatch {
  /** Makes a connection for each request, beside the others, and closes it after the answer. */
  readonly fresh: Dispatch;
  /** Connections that are open at this moment, those of replaced pools and of `fresh` excluded. */
  readonly connected: number;
  /** Requests that wait inside the pool for a connection, those of `fresh` excluded. */
  readonly queued: number;
  /** Refuses new requests, waits for those under way, then closes every connection. */
  close(): Promise<void>;
}

/** Counts connections. Must not throw. */
export interface ConnectionMeter {
  /** A connection was set up, TLS included. */
  readonly connectionOpened: () => void;
  /** A connection could not be set up. */
  readonly connectionFailed: () => void;
}

/** How to connect. */
export interface PoolOptions {
  /** Scheme, host and port, such as `https://us-south.kms.cloud.ibm.com`. */
  readonly origin: string;
  /** Most connections at a time; `fresh` has as many of its own. Default 32. */
  readonly connections?: number | undefined;
  /** Longest time to set up a connection, TLS included, in milliseconds. Default 900. */
  readonly connectTimeoutMs?: number | undefined;
  /** PEM certificates that are trusted *instead of* the system's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Largest response body in bytes whatever a request says of it; the back-stop of each request's own limit. Default 8 MiB. */
  readonly maxResponseSize?: number | undefined;
  /** Age at which connections are replaced, so that a changed DNS entry is noticed, in milliseconds. Default 300,000. */
  readonly renewAfterMs?: number | undefined;
  readonly meter?: Partial<ConnectionMeter> | undefined;
  readonly clock: Clock;
}

/**
 * undici's connector with an exact time-out. Its own is rounded up to the next tick of a half-second clock or the one
 * after: 50 ms become 1,000 and 1,000 become 1,500.
 */
function createConnect(options: PoolOptions): buildConnector.connector {
  const { ca, clock, meter, connectTimeoutMs = 900 } = options;
  const connect = buildConnector({
    timeout: 0,
    allowH2: false,
    minVersion: "TLSv1.2",
    // Said, because NODE_TLS_REJECT_UNAUTHORIZED in the environment would turn it off otherwise.
    rejectUnauthorized: true,
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
    ...(ca === undefined
      ? {}
      : { ca: typeof ca === "string" || Buffer.isBuffer(ca) ? ca : [...ca] }),
  });
  return (target, callback) => {
    const timer = clock.after(connectTimeoutMs, () => {
      if (socket instanceof Socket) {
        socket.destroy(
          new errors.ConnectTimeoutError(`no connection within ${connectTimeoutMs} ms`),
        );
      }
    });
    // Declared to return nothing, but it does return the socket.
    const socket: unknown = connect(target, (...result) => {
      timer.cancel();
      if (result[0] === null) meter?.connectionOpened?.();
      else meter?.connectionFailed?.();
      callback(...result);
    });
  };
}

/** How long an idle connection is kept, at first and at most, in milliseconds. */
const kept = { keepAliveTimeout: 20_000, keepAliveMaxTimeout: 60_000 };
/** As good as not at all. `Connection: close` would tell the upstream too, but then undici takes an answer that is cut off for a wrong one. */
const notKept = { keepAliveTimeout: 1, keepAliveMaxTimeout: 1 };

function open(options: PoolOptions, keepAlive: typeof kept): UndiciPool {
  return new UndiciPool(options.origin, {
    connections: options.connections ?? 32,
    // A request behind another one on the same connection can neither be cancelled nor safely repeated.
    pipelining: 1,
    allowH2: false,
    connect: createConnect(options),
    // Back-stops beyond the longest attempt that can be configured: the timer of each exchange is exact.
    headersTimeout: 65_000,
    bodyTimeout: 65_000,
    ...keepAlive,
    keepAliveTimeoutThreshold: 2_000,
    maxResponseSize: options.maxResponseSize ?? 8 * 1_024 * 1_024,
    strictContentLength: true,
  });
}

/**
 * A pool of HTTP/1.1 connections to one origin. Nothing is connected until the first request.
 *
 * undici's own `clientTtl` is not used: once every connection of a full pool has reached its age, the next request waits
 * in the pool's queue for a connection that is never opened. Instead the whole pool is replaced, and the old one closes
 * when its last request has ended.
 */
export function createPool(options: PoolOptions): Pool {
  const { clock, renewAfterMs = 300_000 } = options;
  const closing = new Set<Promise<void>>();
  let current = open(options, kept);
  let openedAt = clock.now();
  /** None of its connections outlives its answer, so that each request gets one that is as good as new. */
  let single: UndiciPool | undefined;
  let isClosed = false;

  const retire = (pool: UndiciPool): void => {
    const closed = pool.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };

  return {
    dispatch(request, handler) {
      const now = clock.now();
      if (now - openedAt >= renewAfterMs && !isClosed) {
        retire(current);
        current = open(options, kept);
        openedAt = now;
      }
      return current.dispatch(request, handler);
    },
    fresh: {
      dispatch(request, handler) {
        if (!isClosed) single ??= open(options, notKept);
        // Closed pools refuse the request.
        return (single ?? current).dispatch(request, handler);
      },
    },
    get connected() {
      return current.stats.connected;
    },
    get queued() {
      return current.stats.queued;
    },
    async close() {
      if (!isClosed) {
        isClosed = true;
        retire(current);
        if (single !== undefined) retire(single);
      }
      await Promise.all(closing);
    },
  };
}
