/**
 * The one mapping of failures to gRPC statuses. The upstream's reason code decides first, the HTTP status where there is
 * none that is known: bodies of 2019 have no `reasons`, HEAD has no body, and proxies answer HTML.
 */
import { CallEnded } from "../../platform/call-signal.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError } from "../../grpc/status/status-error.ts";
import { KeyProtectError, type KeyProtectErrorCode } from "../../keyprotect/error.ts";
import { UpstreamError, type UpstreamErrorCode } from "../../upstream/error.ts";
import * as access from "./access-failures.ts";
import * as request from "./request-failures.ts";
import * as state from "./state-failures.ts";
import * as upstream from "./upstream-failures.ts";
import { toFailureContext, type Failure, type FailureContext, type Subject } from "./failure.ts";

/** Whether the situation is one of the given RPC. */
const on = (s: FailureContext, ...methods: readonly string[]): boolean =>
  methods.includes(s.context.rpc.method);

const invalidField: Failure = (s) =>
  on(s, "UnwrapKey") ? request.ciphertextRejected(s) : request.requestInvalid(s);

/** `limit` and `offset` are the gateway's own doing; other query parameters stand for values of the request. */
const invalidQuery: Failure = (s) =>
  on(s, "ListKeys") ? request.gatewayRequestRejected(s) : request.requestInvalid(s);

const deleted: Failure = (s) => {
  if (s.context.rpc.resource === "locker") return state.importTokenExpired(s);
  return on(s, "DeleteKey") ? state.alreadyDeleted(s) : state.keyDeleted(s);
};

const notFound: Failure = (s) => {
  const { resource } = s.context.rpc;
  if (resource === "key") return state.keyNotFound(s);
  if (resource === "locker") return state.lockerNotFound(s);
  // Nothing in the path can be missing but the API itself: the base URL is wrong.
  return request.gatewayRequestRejected(s);
};

/**
 * 400 without a reason. Counting sends nothing of the request, and its answer to HEAD can give no reason: if the token is
 * the caller's it is all that can be wrong, else the fault is the gateway's.
 */
const badRequest: Failure = (s) => {
  if (!on(s, "CountKeys")) return request.requestInvalid(s);
  return s.context.attemptLog.credential === "caller"
    ? access.callerTokenRejected(s)
    : request.gatewayRequestRejected(s);
};

/** A code counts only under a status of its own class, so that a failing server is not mistaken for a refusal. */
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
  KEY_ROOT_REQ_ERR: request.keyTypeMismatch,
  KEY_ROOT_REQ_REG_ERR: request.keyTypeMismatch,
  KEY_PAYLOAD_REQ_ERR: request.keyMaterialRequired,
  KEY_IMPT_REQ_ERR: state.keyNotImported,
  KEY_EXPIRED_ERR: state.keyExpired,
  KEY_RESTORE_EXPIRED: state.keyExpired,
  INCORRECT_NONCE_ERR: request.importNonceRejected,
  INCORRECT_NONCE_IV_ERR: request.importNonceRejected,
  // Documented as "no access to the resource", also for an IP allow-list: authenticating again cannot help.
  UNAUTHORIZED_ERR: access.accessDenied,
  CONFIG_RULE_CONFLICT_ERR: access.accessDenied,
  RESOURCE_OWNER_ERR: access.accessDenied,
  SERVICE_ONLY_ERR: access.accessDenied,
  FEATURE_RESTRICTED_ERR: access.accessDenied,
  KEY_NOT_FOUND_ERR: notFound,
  KEY_DELETED_ERR: deleted,
  KEY_ACTION_INVALID_STATE_ERR: state.keyState,
  KEY_INVALID_STATE_ERR: state.keyState,
  PROTECTED_RESOURCE_ERR: state.keyProtectsResources,
  FORCE_REQ_ERR: state.keyProtectsResources,
  PREV_KEY_DEL_ERR: state.keyProtectsResources,
  AUTHORIZATIONS_NOT_MET: state.dualAuthRequired,
  NOT_DUAL_AUTH_ERR: state.dualAuthRequired,
  KEY_CREATE_IMPORT_ACCESS_ERR: state.instancePolicyViolation,
  IMPORT_TOKEN_EXPIRED_ERR: state.importTokenExpired,
  KEY_ROTATION_NOT_PERMITTED: state.rotatedRecently,
  REQ_TOO_EARLY_ERR: state.changedRecently,
  KEY_ALIAS_NOT_UNIQUE_ERR: state.resourceExists,
  UNPROCESSABLE_CIPHERTEXT_ERR: request.ciphertextRejected,
  KEY_VERSION_INVALID: state.keyVersionInvalid,
  INVALID_SIG_EXP_ERR: upstream.signatureExpired,
};

const by5xxReason: Readonly<Record<string, Failure>> = {
  INCOMPLETE_METADATA_ERR: upstream.dataCorrupt,
};

/** Whether the mapping knows an upstream reason code; those it does not know are worth counting. */
export const isKnownReason = (code: string): boolean =>
  Object.hasOwn(by4xxReason, code) || Object.hasOwn(by5xxReason, code);

const byStatus: Readonly<Record<number, Failure>> = {
  400: badRequest,
  401: access.unauthorized,
  403: access.accessDenied,
  404: notFound,
  408: upstream.upstreamTimeout,
  409: (s) => {
    if (s.context.rpc.resource === "locker") return state.importTokenExpired(s);
    return on(s, "CreateKey") ? state.resourceExists(s) : state.keyState(s);
  },
  410: deleted,
  412: state.keyState,
  413: request.payloadTooLarge,
  422: (s) => (on(s, "UnwrapKey") ? request.ciphertextRejected(s) : request.requestInvalid(s)),
  429: upstream.rateLimited,
  501: request.notOffered,
  502: upstream.upstreamUnavailable,
  503: (s) =>
    s.retryAfterMs === undefined ? upstream.upstreamUnavailable(s) : upstream.upstreamRefuses(s),
  504: upstream.upstreamTimeout,
};

const byHttpStatus: Failure = (s) => {
  const httpStatus = s.httpStatus ?? 0;
  const exact = byStatus[httpStatus];
  if (exact !== undefined) return exact(s);
  if (httpStatus >= 500) return upstream.upstreamInternal(s);
  // 405, 406, 415 and the rest of 4xx speak about the envelope, which only the gateway builds.
  if (httpStatus >= 400) return request.gatewayRequestRejected(s);
  return upstream.badResponse(s);
};

const byKeyProtectCode: Readonly<Record<KeyProtectErrorCode, Failure>> = {
  REJECTED: byHttpStatus,
  BAD_RESPONSE: upstream.badResponse,
  UNSUPPORTED: request.operationUnsupported,
};

const deadline: Failure = (s) =>
  s.sent ? upstream.deadlineUpstream(s) : upstream.deadlineInQueue(s);

const byUpstreamCode: Readonly<Record<UpstreamErrorCode, Failure>> = {
  UNREACHABLE: upstream.upstreamUnreachable,
  RESET: upstream.connectionLost,
  TLS: upstream.tlsFailure,
  ATTEMPT_TIMEOUT: upstream.upstreamTimeout,
  BAD_RESPONSE: upstream.badResponse,
  CANCELLED: upstream.cancelled,
  DEADLINE: deadline,
  SHUTDOWN: upstream.shuttingDown,
  DEADLINE_IN_QUEUE: upstream.deadlineInQueue,
  DEADLINE_TOO_SHORT: upstream.deadlineTooShort,
  CIRCUIT_OPEN: upstream.circuitOpen,
  OVERLOADED: upstream.overloaded,
  CALLER_LIMIT: upstream.callerRateLimited,
  IAM_UNAVAILABLE: upstream.iamUnavailable,
  IAM_REJECTED: access.gatewayCredentialsRejected,
  CALLER_TOKEN_MISSING: access.callerTokenRejected,
};

function keyProtectFailure(error: KeyProtectError): Failure {
  if (error.code === "REJECTED") {
    const table = (error.httpStatus ?? 0) >= 500 ? by5xxReason : by4xxReason;
    const known = error.reasons.find((reason) => Object.hasOwn(table, reason.code));
    const failure = known === undefined ? undefined : table[known.code];
    // A quota is a quota whatever reason stands beside it; limiter and caller must see it as one.
    if (failure !== undefined && error.httpStatus !== 429) return failure;
  }
  return byKeyProtectCode[error.code];
}

const byCallEnd = {
  cancelled: upstream.cancelled,
  deadline,
  shutdown: upstream.shuttingDown,
} as const;

/**
 * Turns any failure of a handler into the status that the caller gets. A `StatusError` passes through unchanged; an error
 * of no known kind becomes `INTERNAL` / `GATEWAY_INTERNAL` with a fixed text.
 */
export function toStatusError(
  error: unknown,
  context: CallContext,
  subject?: Subject,
): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof KeyProtectError) {
    return keyProtectFailure(error)(toFailureContext(error, context, subject));
  }
  if (error instanceof UpstreamError) {
    return byUpstreamCode[error.code](toFailureContext(error, context, subject));
  }
  const failure = error instanceof CallEnded ? byCallEnd[error.end] : upstream.internal;
  return failure(toFailureContext(error, context, subject));
}
