/** Failures that concern the `request_id` of a call. */
import { status } from "@grpc/grpc-js";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError } from "../../grpc/status/status-error.ts";
import type { StoreError } from "../../idempotency-store/store-error.ts";
import type { CallSignal } from "../../platform/call-signal.ts";
import { callEndedError, type UpstreamError } from "../../upstream/error.ts";
import {
  fail,
  named,
  precondition,
  resource,
  toFailureContext,
  violation,
} from "../errors/failure.ts";

/** Retry delay if the store does not answer, in milliseconds. Such outages are short. */
const storeRetryMs = 1_000;

const unsupported = (description: string): StatusError =>
  new StatusError(
    status.INVALID_ARGUMENT,
    "REQUEST_ID_UNSUPPORTED",
    `request_id: ${description}; leave the field empty`,
    { violations: violation("request_id", "UNSUPPORTED", description) },
  );

/** No store is configured. To ignore the ID would break the promise that it stands for. */
export const requestIdUnsupported = (): StatusError =>
  unsupported("this gateway does not store request IDs");

/**
 * The caller's IAM token names no subject. Such a token changes every hour, so it cannot identify
 * the caller of an earlier request.
 */
export const subjectUnknown = (): StatusError =>
  unsupported("the IAM token names no subject, so it cannot identify the caller of a request");

/** The record of the ID belongs to a request with other fields. */
export const requestIdReused = (): StatusError => {
  const description = "already used by a request with other fields";
  return new StatusError(
    status.INVALID_ARGUMENT,
    "REQUEST_ID_REUSED",
    `request_id: ${description}; use a new UUID for a new request`,
    { violations: violation("request_id", "REUSED", description) },
  );
};

/**
 * The record says that an earlier request may or may not have been executed. The failure stays the
 * same while the record is kept, because nothing makes the outcome known later.
 */
export const earlierOutcomeUnknown = ({ rpc }: CallContext): StatusError =>
  new StatusError(
    status.UNKNOWN,
    "OUTCOME_UNKNOWN",
    `an earlier ${rpc.method} with this request_id may or may not have happened; check whether it did, and if not send the request with a new request_id`,
    { mayHaveExecuted: true },
  );

/**
 * The store does not answer or is full. Nothing is sent then, because a request without a record
 * could be executed twice. `isUnderWay`: the store said before that an earlier call executes the
 * same request.
 */
export const storeUnavailable = (error: StoreError, isUnderWay = false): StatusError => {
  const details = { retryDelayMs: error.retryAfterMs ?? storeRetryMs, cause: error };
  if (isUnderWay) {
    return new StatusError(
      status.UNAVAILABLE,
      "REQUEST_ID_STORE_UNAVAILABLE",
      "the store of request IDs no longer answers; an earlier call with this request_id may have been executed; repeat with the same request_id",
      { ...details, mayHaveExecuted: true },
    );
  }
  const isFull = error.code === "FULL";
  return new StatusError(
    isFull ? status.RESOURCE_EXHAUSTED : status.UNAVAILABLE,
    "REQUEST_ID_STORE_UNAVAILABLE",
    `the store of request IDs ${isFull ? "is full" : "does not answer"}; nothing was sent to Key Protect`,
    details,
  );
};

/**
 * The change happened, and the key was deleted afterwards. Not OK, because a caller that repeats a
 * request is about to use the key.
 */
export const keyIsGone = (keyId: string, context: CallContext): StatusError => {
  const f = toFailureContext(undefined, context, { keyId });
  const description = `an earlier ${context.rpc.method} with this request_id succeeded, but the key was deleted since`;
  return fail(f, status.FAILED_PRECONDITION, "KEY_DELETED", `${named(f)}: ${description}`, {
    preconditions: precondition(f, "KEY_DELETED", description),
    resource: resource(f),
  });
};

/**
 * The call ended while it waited for the store or for an earlier call with the same request.
 * `sent`: the earlier call may have executed the request.
 */
export const endedWaiting = (signal: CallSignal, sent: boolean): UpstreamError =>
  callEndedError(signal, { sent }, "the call ended while an earlier one was waited for");
