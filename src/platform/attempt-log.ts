/**
 * The running record of one call's upstream requests. It is created with the call's context and
 * shared by everything that works for the call; the field comments say who writes which field.
 * The access log and the error details read it.
 */
export interface AttemptLog {
  /**
   * Upstream requests started. Starts at 0; written by `transport` and, for followers, `coalesce`.
   */
  attempts: number;
  /** HTTP status of the newest response; written by `transport` and, for followers, `coalesce`. */
  httpStatus: number | undefined;
  /** Whose token the newest request carried; written by `bearer-token`. */
  credential?: "gateway" | "caller";
  /** Correlation ID of the shared request, if another call sent it; written by `coalesce`. */
  sentAs?: string | undefined;
  /**
   * Whether the change may already have been made: by an earlier attempt of this call (written by
   * `retry`) or by an earlier call with the same request ID (written by `service/idempotency`).
   */
  mayHaveBeenExecuted?: boolean;
  /**
   * For a call with many items: those that have ended, by the number of their gRPC status. Written
   * by `service/items`.
   */
  items?: Map<number, EndedItems>;
  /** For a stream: how far it has been answered. Written by `service/items`. */
  progress?: StreamProgress;
}

/** How far a stream has been answered without a gap. */
export interface StreamProgress {
  /** The number of items at the start of the stream that all were answered. */
  answeredItems: number;
  /** The caller's ID of the last of these. */
  lastItemId: string;
}

/** Items of one call that ended with the same status. */
export interface EndedItems {
  count: number;
  /** The error of the first one; `undefined` for success. */
  readonly firstError: unknown;
}

/**
 * Whether Key Protect may have executed what the call asks for: through a request of this call, or
 * through the request of an earlier call that this one waits for.
 */
export const mayHaveReached = ({ attempts, mayHaveBeenExecuted }: AttemptLog): boolean =>
  attempts > 0 || mayHaveBeenExecuted === true;
