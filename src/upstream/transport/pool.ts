/** The connections to one host. Hosts share none, so a slow region takes no other's connections. */
import { Pool as UndiciPool } from "undici";
import type { buildConnector, Dispatcher } from "undici";
import { type ConnectorOptions, createConnector } from "./connector.ts";
import { ignoreEvents, type Emit, type UpstreamEvent } from "../meter.ts";

/** The part of a pool that an exchange uses. */
export type Dispatch = Pick<Dispatcher, "dispatch">;

/** Connections to one host, replaced from time to time. */
export interface Pool extends Dispatch, AsyncDisposable {
  /** Opens a connection for each request, beside the others, and closes it after the response. */
  readonly fresh: Dispatch;
  /** Connections that are open now, without those of replaced pools and of `fresh`. */
  readonly connected: number;
  /** Requests that wait inside the pool for a connection, without those of `fresh`. */
  readonly queued: number;
  /** Rejects new requests, waits for those in progress, then closes every connection. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Settings and dependencies of a pool. */
export interface PoolOptions extends ConnectorOptions {
  /** Scheme, host and port, such as `https://us-south.kms.cloud.ibm.com`. */
  readonly origin: string;
  /** The most connections at a time; `fresh` has as many of its own. Default 32. */
  readonly connections?: number | undefined;
  /**
   * Largest response body in bytes, a second check behind the limit of each request. Default 8 MiB.
   */
  readonly maxResponseSize?: number | undefined;
  /**
   * Age at which connections are replaced, so that a changed DNS entry is noticed, in milliseconds.
   * Default 300,000.
   */
  readonly renewAfterMs?: number | undefined;
  /** Gets `connectionOpened` and `connectionFailed`. Must not throw. Default: ignored. */
  readonly emit?: Emit | undefined;
}

const opened: UpstreamEvent = { kind: "connectionOpened" };
const failed: UpstreamEvent = { kind: "connectionFailed" };

/** Counts the connections that a connector sets up, and those that it could not set up. */
function createConnect(options: PoolOptions): buildConnector.connector {
  const { emit = ignoreEvents } = options;
  const connect = createConnector(options);
  return (target, callback) =>
    connect(target, (...result) => {
      emit(result[0] === null ? opened : failed);
      callback(...result);
    });
}

/** How long an idle connection is kept, at first and at most, in milliseconds. */
const kept = { keepAliveTimeout: 20_000, keepAliveMaxTimeout: 60_000 };
/**
 * Effectively no keep-alive, in milliseconds. `Connection: close` is not used, because undici then
 * reports a truncated response as malformed.
 */
const notKept = { keepAliveTimeout: 1, keepAliveMaxTimeout: 1 };

function open(options: PoolOptions, keepAlive: typeof kept): UndiciPool {
  return new UndiciPool(options.origin, {
    connections: options.connections ?? 32,
    // A request behind another on one connection can neither be cancelled nor safely retried.
    pipelining: 1,
    allowH2: false,
    connect: createConnect(options),
    // Longer than the longest attempt that can be configured. The timer of each exchange is exact.
    headersTimeout: 65_000,
    bodyTimeout: 65_000,
    ...keepAlive,
    keepAliveTimeoutThreshold: 2_000,
    maxResponseSize: options.maxResponseSize ?? 8 * 1_024 * 1_024,
    strictContentLength: true,
  });
}

/**
 * Creates a pool of HTTP/1.1 connections to one host. Nothing is connected before the first
 * request.
 *
 * undici's own `clientTtl` is not used: when every connection of a full pool has reached its age,
 * the next request waits in the pool's queue for a connection that is never opened. Instead the
 * whole pool is replaced, and the old one closes when its last request has ended.
 */
export function createPool(options: PoolOptions): Pool {
  const { clock, renewAfterMs = 300_000 } = options;
  const closing = new Set<Promise<void>>();
  let current = open(options, kept);
  let openedAt = clock.now();
  /** Its connections close after one response. Created when first used. */
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
        // A closed pool rejects the request.
        return (single ?? current).dispatch(request, handler);
      },
    },
    get connected() {
      return current.stats.connected;
    },
    get queued() {
      return current.stats.queued;
    },
    async [Symbol.asyncDispose]() {
      if (!isClosed) {
        isClosed = true;
        retire(current);
        if (single !== undefined) retire(single);
      }
      await Promise.all(closing);
    },
  };
}
