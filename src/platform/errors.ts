/** Something that the operator has to put right: a file, a path. The text is the gateway's own, names it, and may be logged. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** An address cannot be listened on: the process cannot start. The text is for the operator and names the address. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** Such as `127.0.0.1:50051`. */
  readonly address: string;

  constructor(address: string, cause: unknown) {
    super(`cannot listen on ${address}: ${detailOf(cause)}`, { cause });
    this.address = address;
  }
}

/** The system's code, which grpc-js has in its text only; or what the gateway itself found. Anybody else's text stays out. */
function detailOf(cause: unknown): string {
  if (cause instanceof SetupError) return cause.message;
  const text = cause instanceof Error ? cause.message : "";
  return /\bE[A-Z]{3,20}\b/.exec(text)?.[0] ?? "no reason given";
}

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
