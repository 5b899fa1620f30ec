import { describe, expect, test } from "vitest";
import type { RetryClass } from "../../../../src/rpc-table.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import {
  isRejection,
  isRetryableStatus,
  mayHaveExecuted,
  outcomeOf,
  retryKindAfter,
} from "../../../../src/upstream/retry/retry-policy.ts";
import type { AttemptOutcome } from "../../../../src/upstream/retry/retry-policy.ts";

const answered = (status: number, headers: Record<string, string> = {}): AttemptOutcome =>
  outcomeOf({ status, headers, body: Buffer.alloc(0) }, () => true);
const answeredByProxy = (status: number): AttemptOutcome =>
  outcomeOf({ status, headers: {}, body: Buffer.from("<html>") }, () => false);
const failed = (code: UpstreamErrorCode, sent: boolean): AttemptOutcome => ({
  error: new UpstreamError(code, "", { sent }),
});

const table: readonly [string, AttemptOutcome, Record<RetryClass, string>][] = [
  ["200", answered(200), { safe: "none", conditional: "none", unsafe: "none" }],
  ["404", answered(404), { safe: "none", conditional: "none", unsafe: "none" }],
  ["408", answered(408), { safe: "backoff", conditional: "backoff", unsafe: "none" }],
  ["429", answered(429), { safe: "requeue", conditional: "requeue", unsafe: "requeue" }],
  [
    "429 of a proxy",
    answeredByProxy(429),
    { safe: "requeue", conditional: "requeue", unsafe: "none" },
  ],
  ["500", answered(500), { safe: "backoff", conditional: "backoff", unsafe: "none" }],
  ["501", answered(501), { safe: "none", conditional: "none", unsafe: "none" }],
  ["502", answered(502), { safe: "backoff", conditional: "backoff", unsafe: "none" }],
  ["503", answered(503), { safe: "backoff", conditional: "backoff", unsafe: "none" }],
  ["504", answered(504), { safe: "backoff", conditional: "backoff", unsafe: "none" }],
  [
    "refused, not sent",
    failed("UNREACHABLE", false),
    { safe: "backoff", conditional: "backoff", unsafe: "backoff" },
  ],
  [
    "reset after sending",
    failed("RESET", true),
    { safe: "immediate", conditional: "backoff", unsafe: "none" },
  ],
  [
    "timed out before sending",
    failed("ATTEMPT_TIMEOUT", false),
    { safe: "backoff", conditional: "backoff", unsafe: "backoff" },
  ],
  [
    "timed out after sending",
    failed("ATTEMPT_TIMEOUT", true),
    { safe: "backoff", conditional: "backoff", unsafe: "none" },
  ],
  ["TLS", failed("TLS", false), { safe: "none", conditional: "none", unsafe: "none" }],
  [
    "unreadable",
    failed("BAD_RESPONSE", true),
    { safe: "none", conditional: "none", unsafe: "none" },
  ],
  ["circuit", failed("CIRCUIT_OPEN", false), { safe: "none", conditional: "none", unsafe: "none" }],
  [
    "no token",
    failed("IAM_UNAVAILABLE", false),
    { safe: "none", conditional: "none", unsafe: "none" },
  ],
  ["deadline", failed("DEADLINE", false), { safe: "none", conditional: "none", unsafe: "none" }],
  ["cancelled", failed("CANCELLED", false), { safe: "none", conditional: "none", unsafe: "none" }],
  ["defect", { error: new Error("x") }, { safe: "none", conditional: "none", unsafe: "none" }],
];

describe("the retry policy", () => {
  for (const [name, outcome, expected] of table) {
    for (const repeat of ["safe", "conditional", "unsafe"] as const) {
      test(`the retry of a ${repeat} request after "${name}" is ${expected[repeat]}`, () => {
        expect(retryKindAfter(outcome, repeat, 0)).toBe(expected[repeat]);
      });
    }
  }

  test("only the first retry after a broken connection is immediate", () => {
    expect(retryKindAfter(failed("RESET", true), "safe", 1)).toBe("backoff");
  });

  test("a status is retryable if and only if some retry class retries it", () => {
    for (let status = 200; status < 600; status++) {
      expect(isRetryableStatus(status)).toBe(
        retryKindAfter(answered(status), "safe", 0) !== "none",
      );
    }
  });
});

test.each([
  ["500", answered(500), true],
  ["503", answered(503), true],
  ["503 with Retry-After", answered(503, { "retry-after": "2" }), true],
  ["504", answered(504), true],
  ["408", answered(408), true],
  ["429", answered(429), false],
  ["429 of a proxy", answeredByProxy(429), true],
  ["503 of a proxy", answeredByProxy(503), true],
  ["404", answered(404), false],
  ["reset after sending", failed("RESET", true), true],
  ["refused", failed("UNREACHABLE", false), false],
  ["defect", { error: new Error("x") }, false],
])("the outcome %s may have been executed: %s", (_, outcome, expected) => {
  expect(mayHaveExecuted(outcome)).toBe(expected);
});

test("an attempt that the gateway did not send is a rejection", () => {
  expect(isRejection(failed("CIRCUIT_OPEN", false))).toBe(true);
  expect(isRejection(failed("OVERLOADED", false))).toBe(true);
  expect(isRejection(failed("DEADLINE_IN_QUEUE", false))).toBe(true);
  expect(isRejection(failed("UNREACHABLE", false))).toBe(false);
  expect(isRejection(failed("CANCELLED", false))).toBe(false);
  expect(isRejection(answered(503))).toBe(false);
});
