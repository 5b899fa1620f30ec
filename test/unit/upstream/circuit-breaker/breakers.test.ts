import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import { rpcTable } from "../../../../src/rpc-table.ts";
import {
  createCircuitBreakers,
  defaultCircuits,
  operationClassOf,
} from "../../../../src/upstream/circuit-breaker/breakers.ts";
import type { CircuitBreakersOptions } from "../../../../src/upstream/circuit-breaker/breakers.ts";
import {
  outcomeOfError,
  outcomeOfResponse,
} from "../../../../src/upstream/circuit-breaker/outcome.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import { unreachable, pass, resultOf } from "./breaker-fixture.ts";
import { openRequest } from "../requests.ts";

const made = (options: Partial<CircuitBreakersOptions> = {}) =>
  createCircuitBreakers({
    origin: "https://upstream.test",
    clock: systemClock,
    random: () => 0.5,
    ...options,
  });

const requestOf = (method: string) => {
  const rpc = rpcTable.find((row) => row.method === method);
  if (rpc === undefined) throw new Error(method);
  return openRequest({ call: { rpc } });
};

describe("the breakers of an origin", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("those of other operations stay closed when one opens", async () => {
    const opened: string[] = [];
    const told = made({
      onOpen: (operations, refusal) => opened.push(`${operations} ${refusal().code}`),
    });
    const send = told.layer(() => Promise.reject(unreachable()));
    for (let count = 0; count < 20; count++) await resultOf(send(requestOf("UnwrapKey")));
    expect(told.peek(requestOf("UnwrapKey").call)?.code).toBe("CIRCUIT_OPEN");
    expect(told.peek(requestOf("WrapKey").call)?.code).toBe("CIRCUIT_OPEN");
    expect(told.peek(requestOf("RotateKey").call)).toBeUndefined();
    expect(told.peek(requestOf("ListKeys").call)).toBeUndefined();
    expect(opened).toEqual(["data CIRCUIT_OPEN"]);
    told.close();
  });

  test("bulk and management calls share one, which stays open for ten seconds", async () => {
    const closed: string[] = [];
    const told = made({ onClose: (operations) => closed.push(operations) });
    let isDead = true;
    const send = told.layer(() =>
      isDead
        ? Promise.reject(unreachable())
        : Promise.resolve({ status: 200, headers: {}, body: Buffer.alloc(0) }),
    );
    for (let count = 0; count < 20; count++) await resultOf(send(requestOf("ListKeys")));
    expect(await resultOf(send(requestOf("RotateKey")))).toBe("CIRCUIT_OPEN");
    expect(told.breakers.management.retryInMs).toBe(10_000);
    await pass(10_000);
    isDead = false;
    expect(await resultOf(send(requestOf("ListKeys")))).toBe(200);
    expect(closed).toEqual(["management"]);
    expect(told.breakers.data.state).toBe("closed");
    told.close();
  });
});

test("the reset outlasts the longest attempt of its class and covers the window", () => {
  for (const { priority, attemptTimeoutMs } of rpcTable) {
    const { resetMs, windowMs } = defaultCircuits[operationClassOf(priority)];
    expect(resetMs).toBeGreaterThan(attemptTimeoutMs);
    expect(windowMs).toBeLessThanOrEqual(resetMs);
  }
});

describe("evidence", () => {
  test("an answer is a failure from 500 on, but for 501", () => {
    const failed = Array.from({ length: 500 }, (_, index) => index + 100).filter(
      (status) => outcomeOfResponse({ status, headers: {}, body: Buffer.alloc(0) }) === "failed",
    );
    expect(failed).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 500).filter((status) => status !== 501),
    );
  });

  const expected: readonly (readonly [UpstreamErrorCode, "failed" | "none"])[] = [
    ["UNREACHABLE", "failed"],
    ["RESET", "failed"],
    ["TLS", "failed"],
    ["ATTEMPT_TIMEOUT", "failed"],
    ["BAD_RESPONSE", "failed"],
    ["CANCELLED", "none"],
    ["DEADLINE", "none"],
    ["SHUTDOWN", "none"],
    ["DEADLINE_IN_QUEUE", "none"],
    ["DEADLINE_TOO_SHORT", "none"],
    ["CIRCUIT_OPEN", "none"],
    ["OVERLOADED", "none"],
    ["CALLER_LIMIT", "none"],
    ["IAM_UNAVAILABLE", "none"],
    ["IAM_REJECTED", "none"],
    ["CALLER_TOKEN_MISSING", "none"],
  ];
  test.each(expected)("%s counts as %s", (code, evidence) => {
    expect(outcomeOfError(new UpstreamError(code, ""), 100, 3_000)).toBe(evidence);
  });

  test("a deadline counts if the upstream had as long as an attempt may take", () => {
    const error = new UpstreamError("DEADLINE", "");
    expect(outcomeOfError(error, 2_999, 3_000)).toBe("none");
    expect(outcomeOfError(error, 3_000, 3_000)).toBe("failed");
  });

  test.each([undefined, null, "text", new Error("defect"), { code: "RESET" }])(
    "%s is none",
    (thrown) => {
      expect(outcomeOfError(thrown, 10, 3_000)).toBe("none");
    },
  );
});
