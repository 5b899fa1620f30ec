/** Errors that are not bound to one room. */

/**
 * A problem that the operator has to fix, such as a missing file. The gateway itself writes the
 * message; it names the file or path and may be logged.
 */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/**
 * The gateway cannot listen on an address, so the process cannot start. The message is for the
 * operator and names the address.
 */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** For example `127.0.0.1:50051`. */
  readonly address: string;

  constructor(address: string, cause: unknown) {
    super(`cannot listen on ${address}: ${detailOf(cause)}`, { cause });
    this.address = address;
  }
}

/**
 * The system's error code, or the message of a `SetupError`. grpc-js has the code only in its
 * message. No other text is copied.
 */
function detailOf(cause: unknown): string {
  if (cause instanceof SetupError) return cause.message;
  const text = cause instanceof Error ? cause.message : "";
  return /\bE[A-Z]{3,20}\b/.exec(text)?.[0] ?? "no reason given";
}

/**
 * An error without a stack trace; its fields describe what happened. Capturing a stack costs more
 * than the rest of the work for a rejected call, and an overloaded gateway rejects thousands per
 * second.
 */
export class StacklessError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    // The only way to capture no stack. No other code can run before the limit is restored.
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
  }
}
