/**
 * The one mapping of upstream failures to gRPC statuses. A known reason code of the upstream
 * decides. Without one the HTTP status decides: bodies of the 2019 API have no `reasons`, responses
 * to HEAD have no body, and proxies answer HTML.
 *
 * `toStatusError` has three callers. `create-handler.ts` maps the error of every RPC.
 * `idempotency/execute-once.ts` reads `mayHaveExecuted` from the mapping to complete a record.
 * `idempotency/replay.ts` maps the error of a read that is not the RPC's own request.
 */
import { CallEnded } from "../../platform/call-signal.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { CallObserver } from "../../grpc/call/call-observer.ts";
import { StatusError } from "../../grpc/status/status-error.ts";
import { KeyProtectError, type KeyProtectErrorCode } from "../../keyprotect/error.ts";
import type { ResourceKind } from "../../rpc-table.ts";
import { UpstreamError } from "../../upstream/error.ts";
import * as access from "./access-failures.ts";
import * as life from "./key-life-failures.ts";
import * as kmip from "./kmip-failures.ts";
import * as request from "./request-failures.ts";
import * as state from "./state-failures.ts";
import { byCallEnd, upstreamFailure } from "./unanswered.ts";
import * as upstream from "./upstream-failures.ts";
import { toFailureContext, type Failure, type FailureContext, type Subject } from "./failure.ts";

const on = (f: FailureContext, method: string): boolean => f.context.rpc.method === method;

const invalidField: Failure = (f) =>
  on(f, "UnwrapKey") ? request.ciphertextRejected(f) : request.requestInvalid(f);

/** The gateway chooses `limit` and `offset`. Other query parameters are values of the request. */
const invalidQuery: Failure = (f) =>
  on(f, "ListKeys") && f.fields.length === 0
    ? request.gatewayRequestRejected(f)
    : request.requestInvalid(f);

const rootKeyRequired: Failure = (f) =>
  on(f, "CreateAdapter") ? kmip.rootKeyUnsuitable(f) : request.keyTypeMismatch(f);

const deleted: Failure = (f) => {
  const { resource } = f.context.rpc;
  if (resource === "locker") return state.importTokenExpired(f);
  if (resource === "kmipObject") return kmip.objectDestroyed(f);
  if (resource === "kmipAdapter" || resource === "kmipCertificate") return notFound(f);
  return on(f, "DeleteKey") ? state.alreadyDeleted(f) : state.keyDeleted(f);
};

const missing: Readonly<Record<ResourceKind, Failure>> = {
  key: state.keyNotFound,
  locker: state.lockerNotFound,
  keyRing: life.keyRingNotFound,
  kmipAdapter: kmip.adapterNotFound,
  kmipObject: kmip.objectNotFound,
  kmipCertificate: kmip.certificateNotFound,
  // The path names no resource, so the API itself is missing: the service URL is wrong.
  none: request.gatewayRequestRejected,
};

const notFound: Failure = (f) => missing[f.context.rpc.resource](f);

const conflict: Failure = (f) => {
  const { resource } = f.context.rpc;
  if (resource === "locker") return state.importTokenExpired(f);
  return on(f, "CreateKey") ? state.resourceExists(f) : (kmip.conflictOf(f) ?? state.keyState(f));
};

/**
 * 400 without a known reason. The service of 2019 answers an expired token so. CountKeys sends no
 * value of the request, and the response to its HEAD has no reasons: the cause is the token if it
 * is the caller's, else the gateway's request.
 */
const badRequest: Failure = (f) => {
  if (f.callerTokenAge === "expired") return access.callerTokenRejected(f);
  if (!on(f, "CountKeys")) return request.requestInvalid(f);
  return f.context.attemptLog.credential === "caller"
    ? access.callerTokenRejected(f)
    : request.gatewayRequestRejected(f);
};

/**
 * Reason codes that count with a 4xx only: with a 5xx the server failed, whatever the code says.
 */
const by4xxReason: Readonly<Record<string, Failure>> = {
  BAD_BODY_ERR: request.requestInvalid,
  INVALID_FIELD_ERR: invalidField,
  INVALID_QUERY_PARAM_ERR: invalidQuery,
  UNDEFINED_REASON: invalidField,
  COLLECTION_TOTAL_MISMATCH_ERR: request.gatewayRequestRejected,
  BODY_QUERY_PARAM_MISMATCH_ERR: request.gatewayRequestRejected,
  NO_BODY_ERR: request.gatewayRequestRejected,
  NUM_COLLECTION_RESOURCE_ERR: request.gatewayRequestRejected,
  BEARER_SUB_EXTRACTION_ERR: access.tokenUnusable,
  KEY_ROOT_REQ_ERR: rootKeyRequired,
  KEY_SEARCH_TOO_BROAD: request.searchTooBroad,
  KEY_ROOT_REQ_REG_ERR: request.keyTypeMismatch,
  KEY_PAYLOAD_REQ_ERR: request.keyMaterialRequired,
  KEY_IMPT_REQ_ERR: state.keyNotImported,
  KEY_EXPIRED_ERR: life.keyExpired,
  KEY_RESTORE_EXPIRED: life.restorePeriodOver,
  INCORRECT_NONCE_ERR: request.importNonceRejected,
  INCORRECT_NONCE_IV_ERR: request.importNonceRejected,
  UNAUTHORIZED_ERR: access.accessDenied,
  CONFIG_RULE_CONFLICT_ERR: access.accessDenied,
  RESOURCE_OWNER_ERR: access.accessDenied,
  SERVICE_ONLY_ERR: access.accessDenied,
  FEATURE_RESTRICTED_ERR: access.accessDenied,
  KEY_NOT_FOUND_ERR: notFound,
  KEY_RING_NOT_FOUND_ERR: life.keyRingNotFound,
  KEY_RING_NOT_EMPTY_ERR: life.keyRingNotEmpty,
  KEY_RING_KEYS_NOT_DELETED_ERR: life.keyRingNotEmpty,
  KEY_ALIAS_NOT_FOUND_ERR: life.aliasNotFound,
  KEY_DELETED_ERR: deleted,
  KEY_ACTION_INVALID_STATE_ERR: state.keyState,
  KEY_INVALID_STATE_ERR: state.keyState,
  PROTECTED_RESOURCE_ERR: state.keyProtectsResources,
  FORCE_REQ_ERR: state.keyProtectsResources,
  PREV_KEY_DEL_ERR: state.keyProtectsResources,
  AUTHORIZATIONS_NOT_MET: state.dualAuthRequired,
  NOT_DUAL_AUTH_ERR: life.dualAuthNotEnabled,
  KEY_CREATE_IMPORT_ACCESS_ERR: state.instancePolicyViolation,
  IMPORT_TOKEN_EXPIRED_ERR: state.importTokenExpired,
  KEY_ROTATION_NOT_PERMITTED: state.rotatedRecently,
  REQ_TOO_EARLY_ERR: life.changedRecently,
  KEY_ALIAS_NOT_UNIQUE_ERR: state.resourceExists,
  UNPROCESSABLE_CIPHERTEXT_ERR: request.ciphertextRejected,
  KEY_VERSION_INVALID: state.keyVersionInvalid,
  INVALID_SIG_EXP_ERR: upstream.signatureExpired,
  ...kmip.kmipReasons,
};

/** Reason codes that count with a 5xx only. */
const by5xxReason: Readonly<Record<string, Failure>> = {
  INCOMPLETE_METADATA_ERR: upstream.dataCorrupt,
};

/** Whether the mapping has an entry for a reason code of the upstream. */
export const isKnownReason = (code: string): boolean =>
  Object.hasOwn(by4xxReason, code) || Object.hasOwn(by5xxReason, code);

/** HTTP statuses without a known reason code. */
const byStatus: Readonly<Record<number, Failure>> = {
  400: badRequest,
  401: access.unauthorized,
  403: access.accessDenied,
  404: notFound,
  408: upstream.upstreamTimeout,
  409: conflict,
  410: deleted,
  412: state.keyState,
  413: request.payloadTooLarge,
  422: (f) => (on(f, "UnwrapKey") ? request.ciphertextRejected(f) : request.requestInvalid(f)),
  429: upstream.rateLimited,
  501: request.notOffered,
  502: upstream.upstreamUnavailable,
  503: upstream.upstreamUnavailable,
  504: upstream.upstreamTimeout,
};

const byHttpStatus: Failure = (f) => {
  const httpStatus = f.httpStatus ?? 0;
  const exact = byStatus[httpStatus];
  if (exact !== undefined) return exact(f);
  if (httpStatus >= 500) return upstream.upstreamInternal(f);
  // 405, 406, 415 and the other 4xx are about the form of the request, which the gateway builds.
  if (httpStatus >= 400) return request.gatewayRequestRejected(f);
  return upstream.badResponse(f);
};

const byKeyProtectCode: Readonly<Record<KeyProtectErrorCode, Failure>> = {
  REJECTED: byHttpStatus,
  BAD_RESPONSE: upstream.badResponse,
  UNSUPPORTED: request.operationUnsupported,
};

function keyProtectFailure(error: KeyProtectError): Failure {
  if (error.code === "REJECTED") {
    const table = (error.httpStatus ?? 0) >= 500 ? by5xxReason : by4xxReason;
    const known = error.reasons.find((reason) => Object.hasOwn(table, reason.code));
    const failure = known === undefined ? undefined : table[known.code];
    // Two statuses decide alone, so that rate limit, retries and caller agree: 429 is a used-up
    // quota, and 408 leaves open what became of the request.
    if (failure !== undefined && error.httpStatus !== 429 && error.httpStatus !== 408) {
      return failure;
    }
  }
  return byKeyProtectCode[error.code];
}

function failureOf(error: unknown): Failure {
  if (error instanceof KeyProtectError) return keyProtectFailure(error);
  if (error instanceof UpstreamError) return upstreamFailure(error);
  return error instanceof CallEnded ? byCallEnd[error.end] : upstream.internal;
}

/**
 * Maps any error of a handler to the status for the caller. A `StatusError` passes through
 * unchanged. An error of an unknown type becomes `INTERNAL` / `GATEWAY_INTERNAL` with a fixed text.
 */
export function toStatusError(
  error: unknown,
  context: CallContext,
  subject?: Subject,
): StatusError {
  if (error instanceof StatusError) return error;
  return failureOf(error)(toFailureContext(error, context, subject));
}

/** Calls back for every reason code of a failed call or item that the mapping does not know. */
export function observeUnknownReasons(onUnknownReason: () => void): CallObserver {
  const observe = ({ error }: { readonly error: unknown }): void => {
    const cause = error instanceof StatusError ? error.cause : undefined;
    if (!(cause instanceof KeyProtectError)) return;
    for (const { code } of cause.reasons) if (!isKnownReason(code)) onUnknownReason();
  };
  return { callFailed: observe, itemEnded: observe };
}
