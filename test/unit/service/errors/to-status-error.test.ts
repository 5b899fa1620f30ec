import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallEnded } from "../../../../src/platform/call-signal.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { KeyProtectError, type TokenAge } from "../../../../src/keyprotect/error.ts";
import { rpcTable } from "../../../../src/rpc-table.ts";
import { isKnownReason, toStatusError } from "../../../../src/service/errors/to-status-error.ts";
import { UpstreamError, type UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";

const keyId = "0f5c2f0e-6f0a-4a55-9d0b-0d6f4f4f2a11";
const lockerId = "7d1a4ad5-5a5a-4a55-9d0b-0d6f4f4f2a22";

const rejected = (
  httpStatus: number,
  code?: string,
  more: { target?: string; retryAfterMs?: number; callerTokenAge?: TokenAge } = {},
): KeyProtectError =>
  new KeyProtectError("REJECTED", "rejected", {
    httpStatus,
    reasons: code === undefined ? [] : [{ code, target: more.target }],
    retryAfterMs: more.retryAfterMs,
    callerTokenAge: more.callerTokenAge,
  });
const badResponse = new KeyProtectError("BAD_RESPONSE", "unreadable", { httpStatus: 200 });
const upstream = (code: UpstreamErrorCode, sent = false, retryAfterMs?: number): UpstreamError =>
  new UpstreamError(code, "failed", { sent, retryAfterMs });

type Expected = [
  code: keyof typeof status,
  reason: string,
  details: string,
  mayHaveExecuted: boolean,
  more?: { retryDelayMs?: number; credential?: "caller" },
];

/** The details beside ErrorInfo and RequestInfo, in alphabetical order. */
function detailsOf({ details }: StatusError): string {
  return [
    (details.violations ?? []).length > 0 ? "BR" : "",
    details.help === undefined ? "" : "H",
    details.preconditions === undefined ? "" : "PF",
    details.quota === undefined ? "" : "QF",
    details.retryDelayMs === undefined ? "" : "RI",
    details.resource === undefined ? "" : "RS",
    details.mayHaveExecuted === true ? "never" : "",
  ]
    .filter((name) => name !== "")
    .join(" ");
}

const golden: readonly [situation: string, method: string, error: unknown, expected: Expected][] = [
  [
    "400 BAD_BODY_ERR",
    "CreateKey",
    rejected(400, "BAD_BODY_ERR", { target: "name" }),
    ["INVALID_ARGUMENT", "REQUEST_INVALID", "BR", false],
  ],
  [
    "400 INVALID_FIELD_ERR",
    "WrapKey",
    rejected(400, "INVALID_FIELD_ERR", { target: "plaintext" }),
    ["INVALID_ARGUMENT", "REQUEST_INVALID", "BR", false],
  ],
  [
    "400 without a reason",
    "WrapKey",
    rejected(400),
    ["INVALID_ARGUMENT", "REQUEST_INVALID", "", false],
  ],
  [
    "400 with an unknown reason",
    "WrapKey",
    rejected(400, "NEVER_SEEN_ERR"),
    ["INVALID_ARGUMENT", "REQUEST_INVALID", "", false],
  ],
  [
    "400 INVALID_FIELD_ERR on unwrap",
    "UnwrapKey",
    rejected(400, "INVALID_FIELD_ERR", { target: "ciphertext" }),
    ["INVALID_ARGUMENT", "CIPHERTEXT_REJECTED", "BR", false],
  ],
  [
    "400 UNDEFINED_REASON on unwrap",
    "UnwrapKey",
    rejected(400, "UNDEFINED_REASON"),
    ["INVALID_ARGUMENT", "CIPHERTEXT_REJECTED", "BR", false],
  ],
  [
    "400 INVALID_QUERY_PARAM_ERR on rotate",
    "RotateKey",
    rejected(400, "INVALID_QUERY_PARAM_ERR", { target: "payload" }),
    ["INVALID_ARGUMENT", "REQUEST_INVALID", "BR", false],
  ],
  [
    "400 INVALID_QUERY_PARAM_ERR on list",
    "ListKeys",
    rejected(400, "INVALID_QUERY_PARAM_ERR", { target: "limit" }),
    ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false],
  ],
  [
    "400 COLLECTION_TOTAL_MISMATCH_ERR",
    "CreateKey",
    rejected(400, "COLLECTION_TOTAL_MISMATCH_ERR"),
    ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false],
  ],
  [
    "400 BODY_QUERY_PARAM_MISMATCH_ERR",
    "ReplaceKeyPolicies",
    rejected(400, "BODY_QUERY_PARAM_MISMATCH_ERR"),
    ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false],
  ],
  [
    "400 NO_BODY_ERR",
    "UnwrapKey",
    rejected(400, "NO_BODY_ERR"),
    ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false],
  ],
  [
    "400 NUM_COLLECTION_RESOURCE_ERR",
    "CreateKey",
    rejected(400, "NUM_COLLECTION_RESOURCE_ERR"),
    ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false],
  ],
  ["405", "GetKey", rejected(405), ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false]],
  ["406", "GetKey", rejected(406), ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false]],
  ["415", "GetKey", rejected(415), ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false]],
  [
    "400 BEARER_SUB_EXTRACTION_ERR, caller's token",
    "GetKey",
    rejected(400, "BEARER_SUB_EXTRACTION_ERR"),
    ["UNAUTHENTICATED", "CALLER_TOKEN_REJECTED", "H", false, { credential: "caller" }],
  ],
  [
    "400 BEARER_SUB_EXTRACTION_ERR, own credential",
    "GetKey",
    rejected(400, "BEARER_SUB_EXTRACTION_ERR"),
    ["INTERNAL", "UPSTREAM_CREDENTIALS_REJECTED", "", false],
  ],
  [
    "400 KEY_ROOT_REQ_ERR",
    "WrapKey",
    rejected(400, "KEY_ROOT_REQ_ERR"),
    ["INVALID_ARGUMENT", "KEY_TYPE_MISMATCH", "BR RS", false],
  ],
  [
    "422 KEY_ROOT_REQ_REG_ERR",
    "WrapKey",
    rejected(422, "KEY_ROOT_REQ_REG_ERR"),
    ["INVALID_ARGUMENT", "KEY_TYPE_MISMATCH", "BR RS", false],
  ],
  [
    "400 KEY_PAYLOAD_REQ_ERR",
    "RotateKey",
    rejected(400, "KEY_PAYLOAD_REQ_ERR"),
    ["INVALID_ARGUMENT", "KEY_MATERIAL_REQUIRED", "BR RS", false],
  ],
  [
    "400 KEY_IMPT_REQ_ERR",
    "RotateKey",
    rejected(400, "KEY_IMPT_REQ_ERR"),
    ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS", false],
  ],
  [
    "400 KEY_EXPIRED_ERR",
    "RotateKey",
    rejected(400, "KEY_EXPIRED_ERR"),
    ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS", false],
  ],
  [
    "400 KEY_RESTORE_EXPIRED",
    "RestoreKey",
    rejected(400, "KEY_RESTORE_EXPIRED"),
    ["FAILED_PRECONDITION", "KEY_RESTORE_EXPIRED", "PF RS", false],
  ],
  [
    "400 INCORRECT_NONCE_ERR",
    "CreateKey",
    rejected(400, "INCORRECT_NONCE_ERR"),
    ["INVALID_ARGUMENT", "IMPORT_NONCE_REJECTED", "BR", false],
  ],
  [
    "400 INCORRECT_NONCE_IV_ERR",
    "RotateKey",
    rejected(400, "INCORRECT_NONCE_IV_ERR"),
    ["INVALID_ARGUMENT", "IMPORT_NONCE_REJECTED", "BR", false],
  ],
  [
    "401 UNAUTHORIZED_ERR",
    "GetKey",
    rejected(401, "UNAUTHORIZED_ERR"),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false],
  ],
  [
    "401 UNAUTHORIZED_ERR, caller's token that has not expired",
    "GetKey",
    rejected(401, "UNAUTHORIZED_ERR", { callerTokenAge: "current" }),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false, { credential: "caller" }],
  ],
  [
    "401 UNAUTHORIZED_ERR, caller's token that may have expired",
    "GetKey",
    rejected(401, "UNAUTHORIZED_ERR"),
    ["UNAUTHENTICATED", "CALLER_TOKEN_REJECTED", "H", false, { credential: "caller" }],
  ],
  [
    "401 otherwise, caller's token",
    "GetKey",
    rejected(401),
    ["UNAUTHENTICATED", "CALLER_TOKEN_REJECTED", "H", false, { credential: "caller" }],
  ],
  [
    "401 otherwise, own token",
    "GetKey",
    rejected(401),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false],
  ],
  [
    "403 CONFIG_RULE_CONFLICT_ERR",
    "GetKey",
    rejected(403, "CONFIG_RULE_CONFLICT_ERR"),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false],
  ],
  [
    "403 RESOURCE_OWNER_ERR",
    "GetKey",
    rejected(403, "RESOURCE_OWNER_ERR"),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false],
  ],
  [
    "403 SERVICE_ONLY_ERR",
    "GetKey",
    rejected(403, "SERVICE_ONLY_ERR"),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false],
  ],
  [
    "403 FEATURE_RESTRICTED_ERR",
    "GetKey",
    rejected(403, "FEATURE_RESTRICTED_ERR"),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false],
  ],
  [
    "403",
    "CreateKey",
    rejected(403),
    ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS", false],
  ],
  [
    "404 on a key",
    "GetKey",
    rejected(404, "KEY_NOT_FOUND_ERR"),
    ["NOT_FOUND", "KEY_NOT_FOUND", "RS", false],
  ],
  [
    "404 on a key without a reason",
    "WrapKey",
    rejected(404),
    ["NOT_FOUND", "KEY_NOT_FOUND", "RS", false],
  ],
  [
    "404 on a locker",
    "RetrieveLocker",
    rejected(404),
    ["NOT_FOUND", "LOCKER_NOT_FOUND", "RS", false],
  ],
  [
    "404 without a resource in the path",
    "ListKeys",
    rejected(404),
    ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", "", false],
  ],
  [
    "410 on unwrap",
    "UnwrapKey",
    rejected(410, "KEY_DELETED_ERR"),
    ["FAILED_PRECONDITION", "KEY_DELETED", "PF RS", false],
  ],
  [
    "410 on read without a reason",
    "GetKey",
    rejected(410),
    ["FAILED_PRECONDITION", "KEY_DELETED", "PF RS", false],
  ],
  [
    "410 on rotate",
    "RotateKey",
    rejected(410),
    ["FAILED_PRECONDITION", "KEY_DELETED", "PF RS", false],
  ],
  [
    "410 on policies",
    "ReplaceKeyPolicies",
    rejected(410),
    ["FAILED_PRECONDITION", "KEY_DELETED", "PF RS", false],
  ],
  [
    "410 on a locker",
    "RetrieveLocker",
    rejected(410),
    ["FAILED_PRECONDITION", "IMPORT_TOKEN_EXPIRED", "PF", false],
  ],
  ["404 on DeleteKey", "DeleteKey", rejected(404), ["NOT_FOUND", "KEY_NOT_FOUND", "RS", false]],
  [
    "410 on DeleteKey",
    "DeleteKey",
    rejected(410, "KEY_DELETED_ERR"),
    ["NOT_FOUND", "KEY_DELETED", "RS", false],
  ],
  [
    "409 KEY_ACTION_INVALID_STATE_ERR",
    "WrapKey",
    rejected(409, "KEY_ACTION_INVALID_STATE_ERR"),
    ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS", false],
  ],
  [
    "422 KEY_INVALID_STATE_ERR",
    "WrapKey",
    rejected(422, "KEY_INVALID_STATE_ERR"),
    ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS", false],
  ],
  [
    "409 PROTECTED_RESOURCE_ERR",
    "DeleteKey",
    rejected(409, "PROTECTED_RESOURCE_ERR"),
    ["FAILED_PRECONDITION", "KEY_PROTECTS_RESOURCES", "H PF RS", false],
  ],
  [
    "409 PREV_KEY_DEL_ERR",
    "DeleteKey",
    rejected(409, "PREV_KEY_DEL_ERR"),
    ["FAILED_PRECONDITION", "KEY_PROTECTS_RESOURCES", "H PF RS", false],
  ],
  [
    "409 AUTHORIZATIONS_NOT_MET",
    "DeleteKey",
    rejected(409, "AUTHORIZATIONS_NOT_MET"),
    ["FAILED_PRECONDITION", "DUAL_AUTH_REQUIRED", "PF", false],
  ],
  [
    "409 NOT_DUAL_AUTH_ERR",
    "ScheduleKeyDeletion",
    rejected(409, "NOT_DUAL_AUTH_ERR"),
    ["FAILED_PRECONDITION", "DUAL_AUTH_NOT_ENABLED", "PF RS", false],
  ],
  [
    "409 KEY_CREATE_IMPORT_ACCESS_ERR",
    "CreateKey",
    rejected(409, "KEY_CREATE_IMPORT_ACCESS_ERR"),
    ["FAILED_PRECONDITION", "INSTANCE_POLICY_VIOLATION", "H PF", false],
  ],
  [
    "409 IMPORT_TOKEN_EXPIRED_ERR",
    "RetrieveLocker",
    rejected(409, "IMPORT_TOKEN_EXPIRED_ERR"),
    ["FAILED_PRECONDITION", "IMPORT_TOKEN_EXPIRED", "PF", false],
  ],
  [
    "409 KEY_ROTATION_NOT_PERMITTED",
    "RotateKey",
    rejected(409, "KEY_ROTATION_NOT_PERMITTED"),
    ["FAILED_PRECONDITION", "KEY_ROTATED_RECENTLY", "PF RI", false, { retryDelayMs: 3_600_000 }],
  ],
  [
    "409 REQ_TOO_EARLY_ERR",
    "DeleteKey",
    rejected(409, "REQ_TOO_EARLY_ERR"),
    ["FAILED_PRECONDITION", "KEY_CHANGED_RECENTLY", "RI", false, { retryDelayMs: 30_000 }],
  ],
  [
    "409 on create, no known reason",
    "CreateKey",
    rejected(409),
    ["ALREADY_EXISTS", "RESOURCE_EXISTS", "RS", false],
  ],
  [
    "409 KEY_ALIAS_NOT_UNIQUE_ERR",
    "CreateKey",
    rejected(409, "KEY_ALIAS_NOT_UNIQUE_ERR"),
    ["ALREADY_EXISTS", "RESOURCE_EXISTS", "RS", false],
  ],
  [
    "409 other",
    "WrapKey",
    rejected(409, "NEVER_SEEN_ERR"),
    ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS", false],
  ],
  ["412", "WrapKey", rejected(412), ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS", false]],
  ["413", "WrapKey", rejected(413), ["INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE", "BR", false]],
  [
    "422 UNPROCESSABLE_CIPHERTEXT_ERR",
    "UnwrapKey",
    rejected(422, "UNPROCESSABLE_CIPHERTEXT_ERR"),
    ["INVALID_ARGUMENT", "CIPHERTEXT_REJECTED", "BR", false],
  ],
  [
    "422 without a reason, on unwrap",
    "UnwrapKey",
    rejected(422),
    ["INVALID_ARGUMENT", "CIPHERTEXT_REJECTED", "BR", false],
  ],
  [
    "422 KEY_VERSION_INVALID",
    "WrapKey",
    rejected(422, "KEY_VERSION_INVALID"),
    ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS", false],
  ],
  [
    "422 INVALID_SIG_EXP_ERR",
    "UnwrapKey",
    rejected(422, "INVALID_SIG_EXP_ERR"),
    ["INTERNAL", "UPSTREAM_INTERNAL", "H", false],
  ],
  [
    "429 without Retry-After",
    "WrapKey",
    rejected(429),
    ["RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED", "QF RI", false, { retryDelayMs: 2_000 }],
  ],
  [
    "429 with Retry-After, on create",
    "CreateKey",
    rejected(429, undefined, { retryAfterMs: 7_000 }),
    ["RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED", "QF RI", false, { retryDelayMs: 7_000 }],
  ],
  [
    "429 with the reason of another failure",
    "WrapKey",
    rejected(429, "KEY_NOT_FOUND_ERR"),
    ["RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED", "QF RI", false],
  ],
  [
    "500 INCOMPLETE_METADATA_ERR",
    "GetKey",
    rejected(500, "INCOMPLETE_METADATA_ERR"),
    ["DATA_LOSS", "UPSTREAM_DATA_CORRUPT", "H RS", false],
  ],
  ["500, safe", "UnwrapKey", rejected(500), ["UNAVAILABLE", "UPSTREAM_INTERNAL", "RI", false]],
  [
    "500 with a reason of the 4xx family",
    "UnwrapKey",
    rejected(500, "KEY_NOT_FOUND_ERR"),
    ["UNAVAILABLE", "UPSTREAM_INTERNAL", "RI", false],
  ],
  ["500, create", "CreateKey", rejected(500), ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true]],
  ["500, rotate", "RotateKey", rejected(500), ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true]],
  ["500, retrieve", "RetrieveLocker", rejected(500), ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true]],
  ["500, delete", "DeleteKey", rejected(500), ["UNAVAILABLE", "UPSTREAM_INTERNAL", "RI", false]],
  ["501", "GetKey", rejected(501), ["UNIMPLEMENTED", "UPSTREAM_REQUEST_REJECTED", "", false]],
  ["502, safe", "WrapKey", rejected(502), ["UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "RI", false]],
  ["503, safe", "WrapKey", rejected(503), ["UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "RI", false]],
  [
    "503 with Retry-After, safe",
    "WrapKey",
    rejected(503, undefined, { retryAfterMs: 4_000 }),
    ["UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "RI", false, { retryDelayMs: 4_000 }],
  ],
  [
    "503 with Retry-After, create",
    "CreateKey",
    rejected(503, undefined, { retryAfterMs: 4_000 }),
    ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true],
  ],
  ["502, create", "CreateKey", rejected(502), ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true]],
  ["503, rotate", "RotateKey", rejected(503), ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true]],
  ["504, create", "CreateKey", rejected(504), ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true]],
  ["408, retrieve", "RetrieveLocker", rejected(408), ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true]],
  [
    "attempt time-out, create",
    "CreateKey",
    upstream("ATTEMPT_TIMEOUT", true),
    ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true],
  ],
  [
    "attempt time-out before anything was sent, create",
    "CreateKey",
    upstream("ATTEMPT_TIMEOUT"),
    ["UNAVAILABLE", "UPSTREAM_TIMEOUT", "RI", false],
  ],
  ["504, safe", "WrapKey", rejected(504), ["UNAVAILABLE", "UPSTREAM_TIMEOUT", "RI", false]],
  ["408, safe", "WrapKey", rejected(408), ["UNAVAILABLE", "UPSTREAM_TIMEOUT", "RI", false]],
  [
    "attempt time-out, safe",
    "WrapKey",
    upstream("ATTEMPT_TIMEOUT", true),
    ["UNAVAILABLE", "UPSTREAM_TIMEOUT", "RI", false],
  ],
  [
    "refused connection, create",
    "CreateKey",
    upstream("UNREACHABLE"),
    ["UNAVAILABLE", "UPSTREAM_UNREACHABLE", "RI", false],
  ],
  [
    "reset after the request was written, create",
    "CreateKey",
    upstream("RESET", true),
    ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true],
  ],
  [
    "reset after the request was written, safe",
    "WrapKey",
    upstream("RESET", true),
    ["UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "RI", false],
  ],
  ["TLS failure", "WrapKey", upstream("TLS"), ["INTERNAL", "UPSTREAM_TLS_FAILURE", "", false]],
  [
    "IAM time-out, 5xx, 429",
    "WrapKey",
    upstream("IAM_UNAVAILABLE", false, 9_000),
    ["UNAVAILABLE", "IAM_UNAVAILABLE", "RI", false, { retryDelayMs: 9_000 }],
  ],
  [
    "IAM 400/401",
    "WrapKey",
    upstream("IAM_REJECTED"),
    ["INTERNAL", "UPSTREAM_CREDENTIALS_REJECTED", "", false],
  ],
  [
    "pass-through without a token",
    "WrapKey",
    upstream("CALLER_TOKEN_MISSING"),
    ["UNAUTHENTICATED", "CALLER_TOKEN_REJECTED", "H", false],
  ],
  [
    "breaker open",
    "CreateKey",
    upstream("CIRCUIT_OPEN", false, 5_000),
    ["UNAVAILABLE", "CIRCUIT_OPEN", "RI", false, { retryDelayMs: 5_000 }],
  ],
  [
    "queue full",
    "CreateKey",
    upstream("OVERLOADED", false, 50),
    ["UNAVAILABLE", "OVERLOADED", "RI", false, { retryDelayMs: 50 }],
  ],
  [
    "caller above its own limit",
    "WrapKey",
    upstream("CALLER_LIMIT", false, 50),
    ["RESOURCE_EXHAUSTED", "CALLER_RATE_LIMITED", "QF RI", false],
  ],
  [
    "pause after a 429",
    "CreateKey",
    upstream("THROTTLED", false, 50),
    ["RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED", "QF RI", false, { retryDelayMs: 50 }],
  ],
  [
    "pause after a 503",
    "CreateKey",
    upstream("UNAVAILABLE", false, 50),
    ["UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "RI", false, { retryDelayMs: 50 }],
  ],
  [
    "client cancelled, create sent",
    "CreateKey",
    upstream("CANCELLED", true),
    ["CANCELLED", "OUTCOME_UNKNOWN", "never", true],
  ],
  [
    "client cancelled, safe",
    "WrapKey",
    upstream("CANCELLED", true),
    ["CANCELLED", "OUTCOME_UNKNOWN", "", false],
  ],
  [
    "deadline passed while queued",
    "CreateKey",
    upstream("DEADLINE_IN_QUEUE"),
    ["DEADLINE_EXCEEDED", "DEADLINE_IN_QUEUE", "", false],
  ],
  [
    "too little time left",
    "CreateKey",
    new UpstreamError("DEADLINE_TOO_SHORT", "", { minimumMs: 50 }),
    ["DEADLINE_EXCEEDED", "DEADLINE_TOO_SHORT", "", false],
  ],
  [
    "deadline passed during the exchange, create",
    "CreateKey",
    upstream("DEADLINE", true),
    ["DEADLINE_EXCEEDED", "DEADLINE_UPSTREAM", "never", true],
  ],
  [
    "deadline passed during the exchange, delete",
    "DeleteKey",
    upstream("DEADLINE", true),
    ["DEADLINE_EXCEEDED", "DEADLINE_UPSTREAM", "never", true],
  ],
  [
    "deadline passed during the exchange, safe",
    "WrapKey",
    upstream("DEADLINE", true),
    ["DEADLINE_EXCEEDED", "DEADLINE_UPSTREAM", "", false],
  ],
  ["malformed 2xx, safe", "GetKey", badResponse, ["INTERNAL", "UPSTREAM_BAD_RESPONSE", "", false]],
  [
    "malformed 2xx, create",
    "CreateKey",
    badResponse,
    ["INTERNAL", "UPSTREAM_BAD_RESPONSE", "never", true],
  ],
  [
    "oversized answer, safe",
    "GetKey",
    upstream("BAD_RESPONSE", true),
    ["INTERNAL", "UPSTREAM_BAD_RESPONSE", "", false],
  ],
  [
    "unexpected 3xx",
    "GetKey",
    new KeyProtectError("BAD_RESPONSE", "", { httpStatus: 302 }),
    ["INTERNAL", "UPSTREAM_BAD_RESPONSE", "", false],
  ],
  [
    "unexpected 3xx, create",
    "CreateKey",
    new KeyProtectError("BAD_RESPONSE", "", { httpStatus: 302 }),
    ["INTERNAL", "UPSTREAM_BAD_RESPONSE", "never", true],
  ],
  [
    "303, create",
    "CreateKey",
    new KeyProtectError("BAD_RESPONSE", "", { httpStatus: 303 }),
    ["INTERNAL", "UPSTREAM_BAD_RESPONSE", "never", true],
  ],
  [
    "operation the dialect does not have",
    "ListLockers",
    new KeyProtectError("UNSUPPORTED", ""),
    ["UNIMPLEMENTED", "OPERATION_UNSUPPORTED", "", false],
  ],
  [
    "draining",
    "WrapKey",
    upstream("SHUTDOWN", true),
    ["UNAVAILABLE", "SHUTTING_DOWN", "RI", false, { retryDelayMs: 0 }],
  ],
  [
    "draining with a create under way",
    "CreateKey",
    upstream("SHUTDOWN", true),
    ["UNKNOWN", "OUTCOME_UNKNOWN", "never", true],
  ],
  [
    "anything uncaught, safe",
    "WrapKey",
    new TypeError("boom"),
    ["INTERNAL", "GATEWAY_INTERNAL", "", false],
  ],
  [
    "anything uncaught, create",
    "CreateKey",
    new TypeError("boom"),
    ["INTERNAL", "GATEWAY_INTERNAL", "never", true],
  ],
  ["thrown non-error", "WrapKey", "boom", ["INTERNAL", "GATEWAY_INTERNAL", "", false]],
  [
    "the call ended by its deadline",
    "WrapKey",
    new CallEnded("deadline"),
    ["DEADLINE_EXCEEDED", "DEADLINE_UPSTREAM", "", false],
  ],
];

describe("the mapping of failures to statuses", () => {
  test.each(golden)(
    "an upstream failure has its status in the golden table: %s (%s)",
    (_situation, method, error, expected) => {
      const [code, reason, details, mayHaveExecuted, more = {}] = expected;
      const context = callContext(method, {
        attemptLog: {
          attempts: 1,
          httpStatus: undefined,
          ...(more.credential === undefined ? {} : { credential: more.credential }),
        },
      });
      const subject =
        context.rpc.resource === "key"
          ? { keyId }
          : context.rpc.resource === "locker"
            ? { lockerId }
            : {};

      const answer = toStatusError(error, context, subject);

      expect([status[answer.code], answer.reason, detailsOf(answer)]).toEqual([
        code,
        reason,
        details,
      ]);
      expect(answer.details.mayHaveExecuted ?? false).toBe(mayHaveExecuted);
      if (more.retryDelayMs !== undefined)
        expect(answer.details.retryDelayMs).toBe(more.retryDelayMs);
      expect(answer.cause).toBe(error);
    },
  );

  test("a StatusError passes through the mapping unchanged", () => {
    const error = new StatusError(status.NOT_FOUND, "KEY_NOT_FOUND", "gone");
    expect(toStatusError(error, callContext("GetKey"), {})).toBe(error);
  });

  test("the upstream's field names become field paths of the request", () => {
    const answer = toStatusError(
      rejected(400, "INVALID_FIELD_ERR", { target: "expirationDate" }),
      callContext("CreateKey"),
      {},
    );
    expect(answer.details.violations).toEqual([
      {
        field: "expire_time",
        reason: "REFUSED_UPSTREAM",
        description: "Key Protect does not accept this value",
      },
    ]);
  });

  test("an unknown reason code is shown to the caller unchanged", () => {
    const answer = toStatusError(rejected(409, "BRAND_NEW_ERR"), callContext("WrapKey"), { keyId });
    expect(answer.details.metadata?.["upstreamReason"]).toBe("BRAND_NEW_ERR");
    expect(isKnownReason("BRAND_NEW_ERR")).toBe(false);
    expect(isKnownReason("KEY_DELETED_ERR")).toBe(true);
  });

  test("upstream text in the place of a reason code is not shown to the caller", () => {
    const secret = "sk_live canary text";
    const answer = toStatusError(
      rejected(400, secret, { target: secret }),
      callContext("WrapKey"),
      {},
    );
    expect(
      JSON.stringify([answer.message, answer.details.metadata, answer.details.violations]),
    ).not.toContain("canary");
  });

  test("the mapping answers every status and reason for every RPC, and never reports a safe RPC as executed", () => {
    const codes = ["", "__proto__", "constructor", "INVALID_FIELD_ERR", "KEY_DELETED_ERR", "X_ERR"];
    fc.assert(
      fc.property(
        fc.constantFrom(...rpcTable),
        fc.integer({ min: 0, max: 999 }),
        fc.array(
          fc.record({
            code: fc.oneof(fc.constantFrom(...codes), fc.string()),
            target: fc.option(fc.string(), { nil: undefined }),
          }),
        ),
        fc.option(fc.nat(60_000), { nil: undefined }),
        (rpc, httpStatus, reasons, retryAfterMs) => {
          const error = new KeyProtectError("REJECTED", "", { httpStatus, reasons, retryAfterMs });
          const answer = toStatusError(error, callContext(rpc.method), {});
          expect(answer).toBeInstanceOf(StatusError);
          expect(answer.code).not.toBe(status.OK);
          if (rpc.retry === "safe") expect(answer.details.mayHaveExecuted ?? false).toBe(false);
          if (httpStatus === 429) expect(answer.reason).toBe("UPSTREAM_RATE_LIMITED");
        },
      ),
    );
  });
});
