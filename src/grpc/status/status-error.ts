import type { status } from "@grpc/grpc-js";
import type { ErrorReason } from "../../gen/keyprotect/v1/error_reason.ts";
import { StacklessError } from "../../platform/errors.ts";

/** Name of a reason, as it stands in `ErrorInfo.reason`. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

/** One thing that is wrong with a request. */
export interface FieldViolation {
  /** Path of the field in proto terms, such as `encrypted_key_material.ciphertext` or `tags[3]`. */
  readonly field: string;
  /** What is wrong and what would be right, for a human. Never contains the value. */
  readonly description: string;
  /** For a machine, such as `TOO_LONG`. */
  readonly reason: string;
}

/** What a caller is told about a failure beyond status and text. Becomes `google.rpc` details. */
export interface StatusDetails {
  /** `BadRequest`. */
  readonly violations?: readonly FieldViolation[] | undefined;
  /** `ResourceInfo`. */
  readonly resource?:
    | { readonly type: string; readonly name: string; readonly description?: string }
    | undefined;
  /** `PreconditionFailure`. */
  readonly preconditions?:
    | readonly { readonly type: string; readonly subject: string; readonly description: string }[]
    | undefined;
  /** `QuotaFailure`. */
  readonly quota?:
    | { readonly subject: string; readonly description: string; readonly apiService?: string }
    | undefined;
  /** `Help`. */
  readonly help?: readonly { readonly description: string; readonly url: string }[] | undefined;
  /** `RetryInfo` and `grpc-retry-pushback-ms`: how long to wait before a retry, in milliseconds. */
  readonly retryDelayMs?: number | undefined;
  /** `grpc-retry-pushback-ms: -1`: the client library must not repeat the call by itself. */
  readonly neverRetry?: boolean | undefined;
  /**
   * Whether the change that the call asked for may have happened. Always `false` for RPCs that are safe to repeat.
   * Default `false`.
   */
  readonly mayHaveExecuted?: boolean | undefined;
  /** More entries of `ErrorInfo.metadata`; keys once shown for a reason stay. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The error behind it, for the log. Never shown to the caller. */
  readonly cause?: unknown;
}

/** The one kind of error that becomes a gRPC status. The text is the gateway's own: no upstream text, no secrets. */
export class StatusError extends StacklessError {
  override readonly name = "StatusError";
  readonly code: status;
  readonly reason: Reason;
  readonly details: StatusDetails;

  constructor(code: status, reason: Reason, message: string, details: StatusDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}
