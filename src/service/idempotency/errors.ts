/** What a caller is told about its `request_id`, where that is what stands in the way. */
import { status } from "@grpc/grpc-js";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError, type StatusDetails } from "../../grpc/status/status-error.ts";
import type { StoreError } from "../../idempotency-store/store-error.ts";
import type { CallSignal } from "../../platform/call-signal.ts";
import { callEndedError, type UpstreamError } from "../../upstream/error.ts";

const field = "request_id";

/** The store is away for moments, if it is away. */
const storeRetryMs = 1_000;

const violation = (reason: string, description: string): StatusDetails["violations"] => [
  { field, reason, description },
];

const unsupported = (description: string): StatusError =>
  new StatusError(
    status.INVALID_ARGUMENT,
    "REQUEST_ID_UNSUPPORTED",
    `${field}: ${description}; leave the field empty`,
    { violations: violation("UNSUPPORTED", description) },
  );

/** An ID that is ignored would promise what nobody keeps. */
export const requestIdUnsupported = (): StatusError =>
  unsupported("this gateway keeps no record of request IDs");

/** A token that changes by the hour tells one call from another, but not one caller from another. */
export const subjectUnknown = (): StatusError =>
  unsupported("it takes an IAM token that names its subject to tell your requests from others'");

export const requestIdReused = (): StatusError =>
  new StatusError(
    status.INVALID_ARGUMENT,
    "REQUEST_ID_REUSED",
    `${field}: used before by a request with other fields; use a fresh UUID for a new request`,
    { violations: violation("REUSED", "used before by a request with other fields") },
  );

/** The same answer for as long as the record is kept: nothing that happens later makes the outcome known. */
export const earlierOutcomeUnknown = ({ rpc }: CallContext): StatusError =>
  new StatusError(
    status.UNKNOWN,
    "OUTCOME_UNKNOWN",
    `an earlier ${rpc.method} with this ${field} may or may not have happened; look for what it was to do, and if it has not happened ask for it with a fresh ${field}`,
    { neverRetry: true, mayHaveExecuted: true },
  );

/**
 * Nothing is sent: a request that nobody watches over could happen twice. `isUnderWay`: the record has said that an earlier call is
 * carrying the same request out.
 */
export const storeUnavailable = (error: StoreError, isUnderWay = false): StatusError => {
  const retryDelayMs = error.retryAfterMs ?? storeRetryMs;
  if (isUnderWay) {
    return new StatusError(
      status.UNAVAILABLE,
      "REQUEST_ID_STORE_UNAVAILABLE",
      `the record of request IDs cannot be asked any more; an earlier call with this ${field} may have been carried out; repeat with the same ${field}`,
      { retryDelayMs, mayHaveExecuted: true, cause: error },
    );
  }
  return error.code === "FULL"
    ? new StatusError(
        status.RESOURCE_EXHAUSTED,
        "REQUEST_ID_STORE_UNAVAILABLE",
        "the record of request IDs is full; nothing was sent to Key Protect",
        { retryDelayMs, cause: error },
      )
    : new StatusError(
        status.UNAVAILABLE,
        "REQUEST_ID_STORE_UNAVAILABLE",
        "the record of request IDs cannot be asked; nothing was sent to Key Protect",
        { retryDelayMs, cause: error },
      );
};

/** Not OK: a caller that repeats a request is about to use the key. */
export const keyIsGone = (keyId: string, context: CallContext): StatusError => {
  const description = `an earlier ${context.rpc.method} with this ${field} has happened, but the key was deleted since`;
  return new StatusError(
    status.FAILED_PRECONDITION,
    "KEY_DELETED",
    `key ${keyId}: ${description}`,
    {
      preconditions: [{ type: "KEY_DELETED", subject: `keys/${keyId}`, description }],
      resource: {
        type: "keyprotect.v1.Key",
        name: keyId,
        description: `looked up in instance "${context.instance}"`,
      },
    },
  );
};

/**
 * The call ended while it waited for an earlier request with the same ID. `sent`: that request may
 * have been carried out meanwhile.
 */
export const endedWaiting = (signal: CallSignal, sent: boolean): UpstreamError =>
  callEndedError(signal, { sent }, "the call ended while an earlier one was waited for");
