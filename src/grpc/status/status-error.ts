/** The error that becomes a gRPC status, and its details. */
import type { status } from "@grpc/grpc-js";
import type { ErrorReason } from "../../gen/keyprotect/v1/error_reason.ts";
import { StacklessError } from "../../platform/errors.ts";

/** A value of `ErrorInfo.reason`. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

/** One invalid field of a request. */
export interface FieldViolation {
  /** Path of the field in proto terms, such as `encrypted_key_material.ciphertext` or `tags[3]`. */
  readonly field: string;
  /** The problem and the valid range, for humans. Never contains the value. */
  readonly description: string;
  /** The problem for programs, such as `TOO_LONG`. */
  readonly reason: string;
}

/** Details of a failure beyond status and text. They become `google.rpc` details. */
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
  /**
   * `RetryInfo` and `grpc-retry-pushback-ms`: delay before a retry, in milliseconds. Not sent with
   * `mayHaveExecuted`.
   */
  readonly retryDelayMs?: number | undefined;
  /**
   * Whether the change that the call asked for may have happened. Always `false` for RPCs that are
   * safe to retry. `true` also sends `grpc-retry-pushback-ms: -1`, whatever status and reason are:
   * the client library must not retry the call. Default `false`.
   */
  readonly mayHaveExecuted?: boolean | undefined;
  /** Further entries of `ErrorInfo.metadata`. Keys that a reason has had are never removed. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The underlying error, for the log. Never sent to the caller. */
  readonly cause?: unknown;
}

/**
 * The only type of error that becomes a gRPC status. Its text is written by the gateway and
 * contains no upstream text and no secrets.
 */
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
