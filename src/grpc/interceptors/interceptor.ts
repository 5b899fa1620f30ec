/** Handlers, interceptors around them, and the order of the gateway's interceptors. */
import type { Rpc } from "../../rpc-table.ts";
import type { CallContext, MutableCallContext } from "../call/call-context.ts";

/**
 * Answers one unary call. Rejects with a `StatusError`; any other error is answered as `INTERNAL`
 * with a fixed text.
 */
export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Promise<Res>;

/** A handler with interceptors around it. Only interceptors may write the context. */
export type InterceptedHandler<Req, Res> = (
  request: Req,
  context: MutableCallContext,
) => Promise<Res>;

/**
 * Wraps the handler of an RPC, once, at start-up. An interceptor that has nothing to do for the RPC
 * returns `next` itself. Otherwise it may write the context of a call before it calls `next`,
 * answer in place of `next`, or act on the result. For example, one that logs:
 *
 * ```ts
 * const logger: Interceptor = (next) => async (request, context) => {
 *   context.logger.info({ method: context.rpc.method }, "request");
 *   return await next(request, context);
 * };
 * ```
 *
 * Interceptors are layers of an onion: the first one in a list is the outermost. It sees a request
 * first and its result last.
 */
export type Interceptor = <Req, Res>(
  next: InterceptedHandler<Req, Res>,
  rpc: Rpc,
) => InterceptedHandler<Req, Res>;

/**
 * Names of the gateway's interceptors, the outermost first. The order is part of the design:
 * metadata is limited before anything reads it, and authorization needs the caller, the instance
 * and the key ring that the interceptors before it write into the context.
 */
export const inboundInterceptors = [
  "limit-metadata",
  "authenticate",
  "select-instance",
  "select-key-ring",
  "prioritize",
  "authorize",
] as const;

/** Puts the gateway's interceptors in the order of `inboundInterceptors`. */
export const inOrder = (
  interceptors: Readonly<Record<(typeof inboundInterceptors)[number], Interceptor>>,
): readonly Interceptor[] => inboundInterceptors.map((name) => interceptors[name]);

/** Combines interceptors into one; the first is the outermost. */
export const chain =
  (interceptors: readonly Interceptor[]): Interceptor =>
  (handler, rpc) =>
    interceptors.reduceRight((next, intercept) => intercept(next, rpc), handler);
