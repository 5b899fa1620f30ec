/**
 * Checks a failed call against the error contract: the parts of every status, and those of a row.
 */
import { expect } from "vitest";
import { upstreamText, type ExpectedStatus } from "./error-table-rows.ts";
import type { Failure } from "./start-gateway.ts";

/** Facts of the call with which its status must agree. */
export interface CallFacts {
  /** RPC, for example `keyprotect.v1.KeysService/GetKey`. */
  readonly method: string;
  readonly correlationId: string;
  /** Number of requests to Key Protect that were begun. */
  readonly attempts: number;
}

/** Maximum size of a status in trailers, as base64. */
const maxTrailerBytes = 4_096;
const maxMessageBytes = 512;

const detailsOf = (failure: Failure, pushback: string | undefined): string =>
  [
    failure.badRequest === undefined ? "" : "BR",
    failure.help === undefined ? "" : "H",
    failure.preconditionFailure === undefined ? "" : "PF",
    failure.quotaFailure === undefined ? "" : "QF",
    failure.retryInfo === undefined ? "" : "RI",
    failure.resourceInfo === undefined ? "" : "RS",
    pushback === "-1" ? "never" : "",
  ]
    .filter((name) => name !== "")
    .join(" ");

/** Fails unless the status is the expected one and has the parts that every status must have. */
export function expectStatus(failure: Failure, expected: ExpectedStatus, facts: CallFacts): void {
  const pushbacks = failure.error.metadata.get("grpc-retry-pushback-ms");
  expect(pushbacks.length).toBeLessThanOrEqual(1);
  const pushback = pushbacks[0]?.toString();
  expect([failure.code, failure.reason, detailsOf(failure, pushback)]).toEqual([
    expected.code,
    expected.reason,
    expected.details,
  ]);

  const { mayHaveExecuted = false, httpStatus, upstreamReason, metadata } = expected;
  expect(failure.errorInfo?.domain).toBe("keyprotect-gateway");
  expect(failure.errorInfo?.metadata).toMatchObject({
    method: facts.method,
    correlationId: facts.correlationId,
    attempts: String(facts.attempts),
    mayHaveExecuted: String(mayHaveExecuted),
    httpStatus: httpStatus ?? expect.stringMatching(/^\d*$/),
    upstreamReason: upstreamReason ?? "",
    ...metadata,
  });
  expect(failure.correlationId).toBe(facts.correlationId);
  expect(failure.requestInfo?.requestId).toBe(facts.correlationId);

  const delay = failure.retryInfo?.retryDelay;
  if (delay === undefined) {
    expect([undefined, "-1"]).toContain(pushback);
  } else {
    const delayMs = Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
    expect(pushback).toBe(String(Math.max(delayMs, 1)));
    expect(delayMs).toBeGreaterThanOrEqual(0);
    if (expected.retryDelayMs !== undefined) expect(delayMs).toBe(expected.retryDelayMs);
  }
  if (expected.fields !== undefined) {
    expect(failure.badRequest?.fieldViolations.map(({ field }) => field)).toEqual(expected.fields);
  }
  if (expected.preconditions !== undefined) {
    expect(failure.preconditionFailure?.violations.map(({ type }) => type)).toEqual(
      expected.preconditions,
    );
  }
  for (const { url } of failure.help?.links ?? []) expect(url).toMatch(/^https:\/\//);
  for (const violation of failure.quotaFailure?.violations ?? []) {
    expect(violation.subject).toMatch(/^(?:instance|caller):/);
  }

  const details = failure.error.metadata.get("grpc-status-details-bin")[0];
  if (!Buffer.isBuffer(details)) throw new Error("the status has no details");
  expect(details.toString("base64").length).toBeLessThanOrEqual(maxTrailerBytes);
  expect(Buffer.byteLength(failure.message)).toBeLessThanOrEqual(maxMessageBytes);
  expect(failure.message).not.toBe("");
  expect(`${failure.message} ${details.toString("latin1")}`).not.toContain(upstreamText);
}
