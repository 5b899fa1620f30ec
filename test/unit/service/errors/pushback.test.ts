/**
 * Which failures forbid an automatic retry, for every reason and every RPC. The rule: the pushback
 * is -1 exactly where `mayHaveExecuted` is `true`, whatever status and reason are.
 */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ErrorReason } from "../../../../src/gen/keyprotect/v1/error_reason.ts";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import {
  callEndedStatus,
  responseTooLargeStatus,
  statusErrorOf,
} from "../../../../src/grpc/status/call-ended-status.ts";
import { StatusError, type Reason } from "../../../../src/grpc/status/status-error.ts";
import { withTrailers } from "../../../../src/grpc/status/trailers.ts";
import { StoreError } from "../../../../src/idempotency-store/store-error.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import { CallEnded, CallLifetime, type CallEnd } from "../../../../src/platform/call-signal.ts";
import { rpcTable, type RetryClass, type Rpc } from "../../../../src/rpc-table.ts";
import { toStatusError } from "../../../../src/service/errors/to-status-error.ts";
import {
  earlierOutcomeUnknown,
  storeUnavailable,
} from "../../../../src/service/idempotency/errors.ts";
import { UpstreamError, type UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";
import { statusDetails } from "../../../support/status-details.ts";

/** The retry hint of a failure as its caller sees it: `-1`, `delay` or `none`. */
function hintOf(error: StatusError, rpc: Rpc): "-1" | "delay" | "none" {
  const { metadata } = withTrailers(error, {
    correlationId: "11111111-2222-4333-8444-555555555555",
    method: rpc.path.slice(1),
    attempts: 1,
    httpStatus: undefined,
  });
  const { errorInfo, retryInfo } = statusDetails({ metadata });
  const [pushback] = metadata.get("grpc-retry-pushback-ms");
  expect(errorInfo?.metadata["mayHaveExecuted"]).toBe(String(pushback === "-1"));
  const hasDelay = pushback !== undefined && pushback !== "-1";
  expect(retryInfo !== undefined).toBe(hasDelay);
  return pushback === "-1" ? "-1" : hasDelay ? "delay" : "none";
}

const reasons = Object.keys(ErrorReason).filter((name): name is Reason => name !== "UNSPECIFIED");

test.each(reasons)(
  "a failure with reason %s forbids a retry for every RPC if the change may have happened",
  (reason) => {
    for (const rpc of rpcTable) {
      for (const code of [status.INTERNAL, status.UNAVAILABLE, status.DEADLINE_EXCEEDED]) {
        const details = { mayHaveExecuted: true, retryDelayMs: 5 };
        expect(hintOf(new StatusError(code, reason, "text", details), rpc)).toBe("-1");
      }
    }
  },
);

const httpStatuses = [
  400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 422, 429, 500, 501, 502, 503, 504, 507, 599,
];
/** No reason code, one of each class of statuses, and one that is not known. */
const reasonCodes = [
  undefined,
  "INCOMPLETE_METADATA_ERR",
  "INVALID_SIG_EXP_ERR",
  "KEY_ROTATION_NOT_PERMITTED",
  "KEY_DELETED_ERR",
  "NEVER_SEEN_ERR",
];
const upstreamCodes: Readonly<Record<UpstreamErrorCode, true>> = {
  UNREACHABLE: true,
  RESET: true,
  TLS: true,
  ATTEMPT_TIMEOUT: true,
  BAD_RESPONSE: true,
  CANCELLED: true,
  DEADLINE: true,
  SHUTDOWN: true,
  DEADLINE_IN_QUEUE: true,
  DEADLINE_TOO_SHORT: true,
  CIRCUIT_OPEN: true,
  OVERLOADED: true,
  CALLER_LIMIT: true,
  THROTTLED: true,
  UNAVAILABLE: true,
  IAM_UNAVAILABLE: true,
  IAM_REJECTED: true,
  CALLER_TOKEN_MISSING: true,
};

/** Errors of requests that reached Key Protect. An unsafe RPC of a 5xx or 408 is in doubt. */
const answered = httpStatuses.flatMap((httpStatus) =>
  reasonCodes.map((code) => {
    const found = code === undefined ? [] : [{ code, target: undefined }];
    const error = new KeyProtectError("REJECTED", "", { httpStatus, reasons: found });
    // Key Protect's own 501 says that it lacks the operation, unless the key's data is damaged.
    const isDefinite = httpStatus === 501 && code !== "INCOMPLETE_METADATA_ERR";
    const isOpen = httpStatus === 408 || (httpStatus >= 500 && !isDefinite);
    return [error, isOpen] as const;
  }),
);
const unreadable = [200, 204, 302, 303, 400, 404, 501].map((httpStatus) => {
  const error = new KeyProtectError("BAD_RESPONSE", "", { httpStatus });
  return [error, true] as const;
});
/** A 429 of a proxy, which may have passed the request on before. Key Protect's own declines. */
const foreign = new KeyProtectError("REJECTED", "", { httpStatus: 429, isForeign: true });
const broken = Object.keys(upstreamCodes).flatMap((name) =>
  [true, false].map((sent) => {
    const code = Object.keys(upstreamCodes).find(
      (each): each is UpstreamErrorCode => each === name,
    );
    if (code === undefined) throw new Error("unreachable");
    return [new UpstreamError(code, "", { sent }), sent] as const;
  }),
);

/** A context whose call has ended. `attempts` requests were begun for it. */
function endedContext(rpc: Rpc, end: CallEnd, attempts: number): CallContext {
  const lifetime = new CallLifetime();
  lifetime.end(new CallEnded(end), () => {});
  const attemptLog = { attempts, httpStatus: undefined };
  return callContext(rpc.method, { signal: lifetime, attemptLog });
}

/** Every failure that an RPC can have behind its validation, and whether its change is in doubt. */
function* failuresOf(rpc: Rpc): Generator<readonly [error: StatusError, isOpen: boolean]> {
  for (const [error, isOpen] of [...answered, ...unreadable, [foreign, true] as const, ...broken]) {
    yield [toStatusError(error, callContext(rpc.method)), isOpen];
  }
  yield [toStatusError(new KeyProtectError("UNSUPPORTED", ""), callContext(rpc.method)), false];
  for (const attempts of [0, 1]) {
    for (const end of ["cancelled", "deadline", "shutdown"] as const) {
      const context = endedContext(rpc, end, attempts);
      yield [callEndedStatus(context), attempts > 0];
      yield [toStatusError(new CallEnded(end), context), attempts > 0];
    }
    const context = callContext(rpc.method, { attemptLog: { attempts, httpStatus: undefined } });
    yield [toStatusError(new TypeError("defect"), context), attempts > 0];
    yield [statusErrorOf(new TypeError("defect"), context), attempts > 0];
  }
  // A call that waits for an earlier one with the same request ID sends nothing itself.
  const waiting = { attempts: 0, httpStatus: undefined, mayHaveBeenExecuted: true };
  const waits = callContext(rpc.method, { attemptLog: waiting });
  yield [toStatusError(new TypeError("defect"), waits), true];
  yield [statusErrorOf(new TypeError("defect"), waits), true];
  yield [responseTooLargeStatus(2, 1, rpc), true];
  if (rpc.retry !== "unsafe") return;
  yield [earlierOutcomeUnknown(waits), true];
  yield [storeUnavailable(new StoreError("AWAY", "gone"), true), true];
  yield [storeUnavailable(new StoreError("AWAY", "gone")), false];
  yield [storeUnavailable(new StoreError("FULL", "full")), false];
}

const unsafeRpcs = rpcTable.filter(({ retry }) => retry === "unsafe");

test.each(unsafeRpcs)(
  "a failure of $method forbids a retry exactly where the change is in doubt",
  (rpc) => {
    for (const [error, isOpen] of failuresOf(rpc)) {
      expect([error.reason, error.cause, hintOf(error, rpc) === "-1"]).toEqual([
        error.reason,
        error.cause,
        isOpen,
      ]);
    }
  },
);

/**
 * The hints of each reason: for RPCs that are safe to repeat, for DeleteKey, and for unsafe RPCs.
 * Two hints mean that it depends on whether anything was sent.
 */
const golden: Readonly<Record<string, readonly [safe: string, delete_: string, unsafe: string]>> = {
  CALLER_RATE_LIMITED: ["delay", "delay", "delay"],
  CALLER_TOKEN_REJECTED: ["none", "none", "none"],
  CIPHERTEXT_REJECTED: ["none", "never answered", "never answered"],
  CIRCUIT_OPEN: ["delay", "delay", "delay"],
  DEADLINE_IN_QUEUE: ["none", "none", "none"],
  DEADLINE_TOO_SHORT: ["none", "none", "none"],
  DEADLINE_UPSTREAM: ["none", "-1", "-1"],
  GATEWAY_INTERNAL: ["none", "none", "-1 or none"],
  IAM_UNAVAILABLE: ["delay", "delay", "delay"],
  IMPORT_TOKEN_EXPIRED: ["never answered", "never answered", "none"],
  KEY_DELETED: ["none", "none", "none"],
  KEY_NOT_FOUND: ["none", "none", "none"],
  KEY_RING_NOT_FOUND: ["never answered", "none", "never answered"],
  KEY_ROTATED_RECENTLY: ["delay", "delay", "delay"],
  KEY_STATE_INVALID: ["none", "none", "none"],
  KMIP_ADAPTER_NOT_EMPTY: ["never answered", "none", "never answered"],
  KMIP_ADAPTER_NOT_FOUND: ["none", "none", "none"],
  KMIP_CERTIFICATE_NOT_FOUND: ["none", "none", "never answered"],
  KMIP_OBJECT_NOT_FOUND: ["none", "none", "never answered"],
  LOCKER_NOT_FOUND: ["never answered", "never answered", "none"],
  OPERATION_UNSUPPORTED: ["none", "none", "none"],
  OUTCOME_UNKNOWN: ["none", "none", "-1 or none"],
  OVERLOADED: ["delay", "delay", "delay"],
  PAYLOAD_TOO_LARGE: ["none", "none", "none"],
  REQUEST_ID_STORE_UNAVAILABLE: ["never answered", "never answered", "-1 or delay"],
  REQUEST_INVALID: ["none", "none", "none"],
  RESOURCE_EXISTS: ["never answered", "never answered", "none"],
  SHUTTING_DOWN: ["delay", "delay", "delay"],
  UPSTREAM_ACCESS_DENIED: ["none", "none", "none"],
  UPSTREAM_BAD_RESPONSE: ["delay or none", "delay or none", "-1 or none"],
  UPSTREAM_CREDENTIALS_REJECTED: ["none", "none", "none"],
  UPSTREAM_DATA_CORRUPT: ["none", "none", "-1"],
  UPSTREAM_INTERNAL: ["delay or none", "delay or none", "none"],
  UPSTREAM_RATE_LIMITED: ["delay", "delay", "delay"],
  UPSTREAM_REQUEST_REJECTED: ["none", "none", "none"],
  UPSTREAM_TIMEOUT: ["delay", "delay", "delay"],
  UPSTREAM_TLS_FAILURE: ["none", "none", "none"],
  UPSTREAM_UNAVAILABLE: ["delay", "delay", "delay"],
  UPSTREAM_UNREACHABLE: ["delay", "delay", "delay"],
};

const textOf = (hints: Set<string>): string =>
  hints.size === 0 ? "never answered" : [...hints].toSorted().join(" or ");

test("every reason has, for every RPC, the retry hints of the golden table", () => {
  const seen = new Map<string, Record<RetryClass, Set<string>>>();
  for (const rpc of rpcTable) {
    for (const [error] of failuresOf(rpc)) {
      const row = seen.get(error.reason) ?? {
        safe: new Set<string>(),
        conditional: new Set<string>(),
        unsafe: new Set<string>(),
      };
      seen.set(error.reason, row);
      row[rpc.retry].add(hintOf(error, rpc));
    }
  }
  const table = [...seen].map(([reason, { safe, conditional, unsafe }]) => [
    reason,
    [textOf(safe), textOf(conditional), textOf(unsafe)],
  ]);
  expect(Object.fromEntries(table)).toEqual(golden);
});
