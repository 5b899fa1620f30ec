import type { Layer, Send } from "../layer.ts";
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
   * `caller` if callers bring their own access tokens, because the upstream then decides by the
   * token; otherwise `instance`.
   */
  readonly scope: SharingScope;
  /** Gets `requestShared` for each call that joins a request. Must not throw. Default: ignored. */
  readonly emit?: Emit | undefined;
}

/**
 * Creates the layer that sends identical requests of the same moment upstream once. Nothing is
 * cached: a request that comes after the response is sent again.
 *
 * The shared request carries the correlation ID of the call that came first. A call that ends does
 * not disturb the others. After a caller has seen a change end, with whatever outcome, its reads
 * never join a request that began before: the end of a change closes all shared requests to new
 * calls.
 */
export function createCoalesce(options: CoalesceOptions): Layer {
  const { methods, scope, emit = ignoreEvents } = options;
  if (methods.size === 0) return (next) => next;
  return (next) => {
    const pending = new Map<string, SharedRequest>();
    const sendChange: Send = async (request) => {
      try {
        return await next(request);
      } finally {
        pending.clear();
      }
    };
    return (request) => {
      const { rpc, signal } = request.call;
      // A request that may change what reads return.
      if (rpc.retry !== "safe" || request.method === "PUT") return sendChange(request);
      // The transport rejects a call that has ended.
      if (!methods.has(rpc.method) || signal.aborted) return next(request);
      const key = coalesceKey(request, scope);
      return new Promise((resolve, reject) => {
        const existing = pending.get(key);
        if (existing !== undefined) {
          emit({ kind: "requestShared", operation: rpc.method });
          existing.join(request, { resolve, reject });
          return;
        }
        const shared = new SharedRequest({
          send: next,
          onClosed: () => {
            if (pending.get(key) === shared) pending.delete(key);
          },
        });
        pending.set(key, shared);
        shared.join(request, { resolve, reject });
        void shared.start();
      });
    };
  };
}
