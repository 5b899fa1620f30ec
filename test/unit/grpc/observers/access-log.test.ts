import { status } from "@grpc/grpc-js";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { CallOutcome } from "../../../../src/grpc/call/call-observer.ts";
import { createAccessLog } from "../../../../src/grpc/observers/access-log.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { callContext } from "../../../support/call-context.ts";

function lineOf(
  outcome: Partial<CallOutcome>,
  level = "info",
): Record<string, unknown> | undefined {
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { level, base: null },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  createAccessLog(logger).callEnded?.({
    context: callContext("CreateKey"),
    code: status.OK,
    reason: undefined,
    durationMs: 12.345_678,
    mayHaveExecuted: false,
    error: undefined,
    ...outcome,
  });
  expect(lines.length).toBeLessThanOrEqual(1);
  return lines[0];
}

test("a successful call is one line with exactly these fields", () => {
  const context = callContext("CreateKey", {
    caller: "spiffe://a/b",
    instance: "eu",
    attemptLog: { attempts: 2, httpStatus: 201 },
  });
  expect(lineOf({ context })).toEqual({
    level: 30,
    time: expect.any(Number),
    msg: "call",
    method: "keyprotect.v1.KeysService/CreateKey",
    code: "OK",
    durationMs: 12.346,
    correlationId: "11111111-2222-4333-8444-555555555555",
    caller: "spiffe://a/b",
    instance: "eu",
    peer: "127.0.0.1:1",
    upstreamAttempts: 2,
    upstreamStatus: 201,
  });
});

test("the line of a refused caller has its certificate's names and the text of the status", () => {
  const text = "the caller is not identified: the certificate has no URI name";
  const line = lineOf({
    context: callContext("GetKey", { refusedIdentity: "DNS:orders.test" }),
    code: status.UNAUTHENTICATED,
    reason: "CALLER_UNAUTHENTICATED",
    error: new StatusError(status.UNAUTHENTICATED, "CALLER_UNAUTHENTICATED", text),
  });
  expect(line).toMatchObject({
    level: 30,
    caller: "anonymous",
    refusedIdentity: "DNS:orders.test",
    refusal: text,
  });
});

test("the text of another status is not logged as a refusal", () => {
  const error = new StatusError(status.NOT_FOUND, "KEY_NOT_FOUND", "there is no such key");
  expect(lineOf({ code: status.NOT_FOUND, reason: "KEY_NOT_FOUND", error })).not.toHaveProperty(
    "refusal",
  );
});

const info = 30;
const warn = 40;
const error = 50;
test.each([
  [status.OK, info],
  [status.CANCELLED, info],
  [status.UNKNOWN, error],
  [status.INVALID_ARGUMENT, info],
  [status.DEADLINE_EXCEEDED, warn],
  [status.NOT_FOUND, info],
  [status.ALREADY_EXISTS, info],
  [status.PERMISSION_DENIED, info],
  [status.RESOURCE_EXHAUSTED, warn],
  [status.FAILED_PRECONDITION, info],
  [status.ABORTED, info],
  [status.OUT_OF_RANGE, info],
  [status.UNIMPLEMENTED, info],
  [status.INTERNAL, error],
  [status.UNAVAILABLE, warn],
  [status.DATA_LOSS, error],
  [status.UNAUTHENTICATED, info],
])("a call with status %d is logged at level %d", (code, level) => {
  expect(lineOf({ code })?.["level"]).toBe(level);
});

test("a cancelled call whose change may have happened is logged as a warning with mayHaveExecuted", () => {
  expect(lineOf({ code: status.CANCELLED, mayHaveExecuted: true })).toMatchObject({
    level: warn,
    mayHaveExecuted: true,
  });
});

test("the error of a call is logged from warn on, through the logger's serializer", () => {
  const cause = new StatusError(status.INTERNAL, "GATEWAY_INTERNAL", "fixed text", {
    cause: new TypeError("behind it"),
  });
  const failed = lineOf({ code: status.INTERNAL, reason: "GATEWAY_INTERNAL", error: cause });
  expect(failed).toMatchObject({ reason: "GATEWAY_INTERNAL", err: { type: "StatusError" } });
  expect(lineOf({ code: status.NOT_FOUND, error: cause })).not.toHaveProperty("err");
});

test.each([
  "OVERLOADED",
  "CALLER_RATE_LIMITED",
  "CIRCUIT_OPEN",
  "DEADLINE_TOO_SHORT",
  "DEADLINE_IN_QUEUE",
  "SHUTTING_DOWN",
] as const)("a rejection with %s is logged without its error", (reason) => {
  const refused = new StatusError(status.UNAVAILABLE, reason, "refused");
  const line = lineOf({ code: status.UNAVAILABLE, reason, error: refused });
  expect(line).toMatchObject({ level: warn, code: "UNAVAILABLE", reason });
  expect(line).not.toHaveProperty("err");
});

test.each(["UPSTREAM_RATE_LIMITED", "UPSTREAM_UNAVAILABLE"] as const)(
  "a call that ends with %s is logged with its error only if something was sent",
  (reason) => {
    const refused = new StatusError(status.UNAVAILABLE, reason, "refused");
    const after = (attempts: number) =>
      lineOf({
        context: callContext("CreateKey", { attemptLog: { attempts, httpStatus: undefined } }),
        code: status.UNAVAILABLE,
        reason,
        error: refused,
      });
    expect(after(0)).not.toHaveProperty("err");
    expect(after(1)).toHaveProperty("err");
  },
);

test("a call below the logger's level is not logged", () => {
  expect(lineOf({}, "warn")).toBeUndefined();
  expect(lineOf({ code: status.INTERNAL }, "warn")).toBeDefined();
});
