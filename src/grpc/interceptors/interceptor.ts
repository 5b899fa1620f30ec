import type { CallContext } from "../call/call-context.ts";

/** Answers one unary call. Rejects with a `StatusError`; anything else is answered as `INTERNAL` with a fixed text. */
export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Promise<Res>;

/** Wraps a handler. May answer in its place, or hand on a context that knows more. */
export type Interceptor = <Req, Res>(next: UnaryHandler<Req, Res>) => UnaryHandler<Req, Res>;

/** Folds interceptors into one; the first is the outermost. */
export const chain =
  (interceptors: readonly Interceptor[]): Interceptor =>
  (handler) =>
    interceptors.reduceRight((next, intercept) => intercept(next), handler);
