import type { Layer, UpstreamCall } from "../layer.ts";
import { createChangeFeed, type ChangeFeed } from "./change-feed.ts";
import { ignoreEvents, type Emit } from "../meter.ts";
import { coalesceKey, type SharingScope } from "./request-key.ts";
import { SharedRequest } from "./shared-request.ts";

/** Which requests are shared, and among which callers. */
export interface CoalesceOptions {
  /**
   * Methods of the RPCs whose requests are shared. Only reads whose response is the same for all
   * callers in the scope. Empty: nothing is shared.
   */
  readonly methods: ReadonlySet<string>;
  /**
   * Methods of the RPCs that are safe to repeat and change what reads return. RPCs of another retry
   * class always count as changes.
   */
  readonly changing: ReadonlySet<string>;
  /**
   * `caller` if callers bring their own access tokens, because the upstream then decides by the
   * token; otherwise `instance`.
   */
  readonly scope: SharingScope;
  /**
   * Until when a call may join a request. `answered`: as long as it is pending, if all changes to
   * the instance pass through this process. `sent`: until it is written to a connection, if another
   * process may make changes. A request that waits for quota can be joined either way. Default
   * `answered`.
   */
  readonly joinUntil?: "answered" | "sent" | undefined;
  /** The changes to the instance, also by its other aliases. Default: only those of this layer. */
  readonly changes?: ChangeFeed | undefined;
  /** Gets `requestShared` for each call that joins a request. Must not throw. Default: ignored. */
  readonly emit?: Emit | undefined;
}

/**
 * The layer that an RPC has: one that shares its requests, one that announces its changes, or
 * `undefined` if it does neither.
 */
export type Coalesce = (rpc: Pick<UpstreamCall["rpc"], "method" | "retry">) => Layer | undefined;

/**
 * Creates the layers that send identical requests of the same moment upstream once. Nothing is
 * cached: a request that comes after the response is sent again.
 *
 * The shared request carries the correlation ID of the call that came first. A call that ends does
 * not disturb the others. After a caller has seen a change end, with whatever outcome, its reads
 * never join a request that was sent before: the end of a change closes all shared requests of its
 * instance to new calls, and where another process makes changes, sending a request closes it.
 */
export function createCoalesce(options: CoalesceOptions): Coalesce {
  const { methods, changing, scope, emit = ignoreEvents, joinUntil = "answered" } = options;
  const changes = options.changes ?? createChangeFeed();
  const pending = new Map<string, SharedRequest>();
  changes.listen(() => pending.clear());

  const announceChange: Layer = (next) => async (request) => {
    try {
      return await next(request);
    } finally {
      changes.changed();
    }
  };
  const share: Layer = (next) => (request) => {
    const { rpc, signal, trace } = request.call;
    // The transport rejects a call that has ended.
    if (signal.aborted) return next(request);
    const key = coalesceKey(request, scope);
    return new Promise((resolve, reject) => {
      const existing = pending.get(key);
      if (existing !== undefined) {
        emit({ kind: "requestShared", operation: rpc.method });
        trace?.joined(existing.trace);
        existing.join(request, { resolve, reject });
        return;
      }
      const close = (): void => {
        if (pending.get(key) === shared) pending.delete(key);
      };
      const shared = new SharedRequest({
        send: next,
        onClosed: close,
        onSent: joinUntil === "sent" ? close : undefined,
      });
      pending.set(key, shared);
      shared.join(request, { resolve, reject });
      void shared.start();
    });
  };

  return ({ method, retry }) => {
    if (methods.size === 0) return undefined;
    if (retry !== "safe" || changing.has(method)) return announceChange;
    return methods.has(method) ? share : undefined;
  };
}
