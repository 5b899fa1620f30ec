import type { Interceptor } from "./interceptor.ts";

/**
 * Notes who calls and for which instance where the log can see it: interceptors further in hand on a context that
 * knows more, which those further out never get to see.
 */
export const noteCaller: Interceptor = (next) => (request, context) => {
  context.attemptLog.caller = context.caller;
  context.attemptLog.instance = context.instance;
  return next(request, context);
};
