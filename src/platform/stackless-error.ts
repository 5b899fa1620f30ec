/**
 * An error that says by its own fields what happened, and keeps no stack. To capture one costs more than all else that is
 * done for a call that is refused, and an overloaded gateway refuses thousands per second.
 */
export class StacklessError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    // The only way to have none captured; nothing can run between this line and the last.
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
  }
}
