import { SharedRequest } from "./shared-request.ts";
import { coalesceKey } from "./request-key.ts";
import type { SharingScope } from "./request-key.ts";
import type { Layer, Send, UpstreamRequest } from "../layer.ts";

/** Which requests share an exchange, and among whom. */
export interface CoalesceOptions {
  /**
   * Methods of the RPCs whose requests are shared: only such as read, and whose answer is the same for all who may ask.
   * Empty: none.
   */
  readonly methods: ReadonlySet<string>;
  /** `caller` where callers bring access tokens of their own, since the upstream judges those; `instance` elsewhere. */
  readonly scope: SharingScope;
  /** Told of every call that joins an exchange under way. Must not throw. */
  readonly onJoin?: ((method: string) => void) | undefined;
}

/** Whether a request may change what reads see. */
const isChange = ({ method, call }: UpstreamRequest): boolean =>
  call.rpc.repeat !== "safe" || method === "PUT";

/**
 * Creates the layer that makes one exchange of identical requests that are under way at the same time. Nothing is kept
 * when the answer is there: the next request is sent again.
 *
 * The exchange carries the correlation ID of the call that came first. A call that ends leaves the others unharmed. Whoever was told of a change never gets an answer
 * from before it: when a change ends, however it ends, nobody joins the exchanges under way any more.
 */
export function createCoalesce({ methods, scope, onJoin }: CoalesceOptions): Layer {
  if (methods.size === 0) return (next) => next;
  return (next) => {
    const underWay = new Map<string, SharedRequest>();
    const change: Send = async (request) => {
      try {
        return await next(request);
      } finally {
        underWay.clear();
      }
    };
    return (request) => {
      const { rpc, signal } = request.call;
      if (isChange(request)) return change(request);
      // A call that has ended is told so where it would be sent.
      if (!methods.has(rpc.method) || signal.aborted) return next(request);
      const key = coalesceKey(request, scope);
      return new Promise((resolve, reject) => {
        const existing = underWay.get(key);
        if (existing !== undefined) {
          onJoin?.(rpc.method);
          existing.join(request, { resolve, reject });
          return;
        }
        const shared = new SharedRequest({
          send: next,
          onEnd: () => {
            if (underWay.get(key) === shared) underWay.delete(key);
          },
        });
        underWay.set(key, shared);
        shared.join(request, { resolve, reject });
        void shared.send();
      });
    };
  };
}
