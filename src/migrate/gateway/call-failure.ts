/** The meaning of a failed call for its item and for the whole migration. */
import { status, type ServiceError } from "@grpc/grpc-js";
import { ErrorInfo, RetryInfo } from "../../gen/google/rpc/error_details.ts";
import { Status } from "../../gen/google/rpc/status.ts";

/**
 * - `wait`: the call may succeed later.
 * - `item`: this item cannot be migrated; others can.
 * - `refused`: no item can be migrated until somebody changes something.
 */
export type FailureKind = "wait" | "item" | "refused";

/** A failed call. */
export interface CallFailure {
  readonly kind: FailureKind;
  /** Name of the status. */
  readonly status: string;
  /** The gateway's reason; empty if something else answered. */
  readonly reason: string;
  readonly message: string;
  /** How long the gateway asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

const domain = "keyprotect-gateway";

/** Statuses of connections that broke, and of a gateway that starts or stops. */
const passing: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.CANCELLED,
  status.INTERNAL,
  status.UNKNOWN,
]);

/** Statuses with a reason that waiting can change. Wraps and unwraps may always be repeated. */
const passingWithReason: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
  status.DEADLINE_EXCEEDED,
]);

/** Reasons that concern all items alike. */
const refusing: ReadonlySet<string> = new Set([
  "CALLER_UNAUTHENTICATED",
  "CALLER_NOT_AUTHORIZED",
  "CALLER_TOKEN_REJECTED",
  "INSTANCE_UNKNOWN",
  "METADATA_TOO_LARGE",
  "OPERATION_UNSUPPORTED",
  "UPSTREAM_ACCESS_DENIED",
  "UPSTREAM_CREDENTIALS_REJECTED",
  "UPSTREAM_REQUEST_REJECTED",
  "UPSTREAM_TLS_FAILURE",
]);

function kindOf(code: status, reason: string): FailureKind {
  if (reason === "") return passing.has(code) ? "wait" : "refused";
  if (refusing.has(reason)) return "refused";
  return passingWithReason.has(code) ? "wait" : "item";
}

/** The parts of the details that the migration reads. */
type FailureDetails = Pick<CallFailure, "reason" | "retryAfterMs">;

function decodeDetails(encoded: Buffer): FailureDetails {
  let reason = "";
  let retryAfterMs: number | undefined;
  for (const { typeUrl, value } of Status.decode(encoded).details) {
    if (typeUrl === "type.googleapis.com/google.rpc.ErrorInfo") {
      const info = ErrorInfo.decode(value);
      if (info.domain === domain) reason = info.reason;
    }
    if (typeUrl === "type.googleapis.com/google.rpc.RetryInfo") {
      const delay = RetryInfo.decode(value).retryDelay;
      if (delay) retryAfterMs = Number(delay.seconds) * 1_000 + delay.nanos / 1e6;
    }
  }
  return { reason, retryAfterMs };
}

function detailsOf({ metadata }: ServiceError): FailureDetails {
  const encoded = metadata.get("grpc-status-details-bin")[0];
  const none = { reason: "", retryAfterMs: undefined };
  if (!Buffer.isBuffer(encoded)) return none;
  try {
    return decodeDetails(encoded);
  } catch {
    // Not the gateway's: the status alone decides, as without details.
    return none;
  }
}

/** Reads the failure of a call. */
export function toCallFailure(error: ServiceError): CallFailure {
  const { reason, retryAfterMs } = detailsOf(error);
  const kind = kindOf(error.code, reason);
  return { kind, status: status[error.code], reason, message: error.details, retryAfterMs };
}
