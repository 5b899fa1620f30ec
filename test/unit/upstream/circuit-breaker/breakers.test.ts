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
import { breakersLayer, unreachable, pass, resultOf } from "./breaker-fixture.ts";
import { openRequest } from "../requests.ts";

const made = (options: Partial<CircuitBreakersOptions> = {}) =>
  createCircuitBreakers({
    url: "https://upstream.test",
    clock: systemClock,
    random: () => 0.5,
    ...options,
  });

const requestOf = (method: string) => {
  const rpc = rpcTable.find((row) => row.method === method);
  if (rpc === undefined) throw new Error(method);
  return openRequest({ call: { rpc } });
};

describe("the circuit breakers of a host", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("the circuit of one operation class stays closed when the other opens", async () => {
    const opened: string[] = [];
    const breakers = made({
      onOpen: (operations, rejection) => opened.push(`${operations} ${rejection().code}`),
    });
    const send = breakersLayer(breakers)(() => Promise.reject(unreachable()));
    for (let count = 0; count < 20; count++) await resultOf(send(requestOf("UnwrapKey")));
    expect(breakers.byClass.data.rejectionOf(requestOf("UnwrapKey").call)?.code).toBe(
      "CIRCUIT_OPEN",
    );
    expect(breakers.byClass.data.rejectionOf(requestOf("WrapKey").call)?.code).toBe("CIRCUIT_OPEN");
    expect(breakers.byClass.management.rejectionOf(requestOf("RotateKey").call)).toBeUndefined();
    expect(breakers.byClass.management.rejectionOf(requestOf("ListKeys").call)).toBeUndefined();
    expect(opened).toEqual(["data CIRCUIT_OPEN"]);
    breakers[Symbol.dispose]();
  });

  test("bulk and management calls share one circuit, which stays open for ten seconds", async () => {
    const closed: string[] = [];
    const breakers = made({ onClose: (operations) => closed.push(operations) });
    let isDead = true;
    const send = breakersLayer(breakers)(() =>
      isDead
        ? Promise.reject(unreachable())
        : Promise.resolve({ status: 200, headers: {}, body: Buffer.alloc(0) }),
    );
    for (let count = 0; count < 20; count++) await resultOf(send(requestOf("ListKeys")));
    expect(await resultOf(send(requestOf("RotateKey")))).toBe("CIRCUIT_OPEN");
    expect(breakers.byClass.management.retryInMs).toBe(10_000);
    await pass(10_000);
    isDead = false;
    expect(await resultOf(send(requestOf("ListKeys")))).toBe(200);
    expect(closed).toEqual(["management"]);
    expect(breakers.byClass.data.state).toBe("closed");
    breakers[Symbol.dispose]();
  });
});

test("the reset is longer than the longest attempt of its class and not shorter than the window", () => {
  for (const { priority, attemptTimeoutMs } of rpcTable) {
    const { resetMs, windowMs } = defaultCircuits[operationClassOf[priority]];
    expect(resetMs).toBeGreaterThan(attemptTimeoutMs);
    expect(windowMs).toBeLessThanOrEqual(resetMs);
  }
});

describe("outcome", () => {
  test("a response counts as a failure from status 500 on, except 501", () => {
    const failed = Array.from({ length: 500 }, (_, index) => index + 100).filter(
      (status) => outcomeOfResponse({ status, headers: {}, body: Buffer.alloc(0) }) === "failure",
    );
    expect(failed).toEqual(
      Array.from({ length: 100 }, (_, index) => index + 500).filter((status) => status !== 501),
    );
  });

  const expected: readonly (readonly [UpstreamErrorCode, "failure" | "ignored"])[] = [
    ["UNREACHABLE", "failure"],
    ["RESET", "failure"],
    ["TLS", "failure"],
    ["ATTEMPT_TIMEOUT", "failure"],
    ["BAD_RESPONSE", "failure"],
    ["CANCELLED", "ignored"],
    ["DEADLINE", "ignored"],
    ["SHUTDOWN", "ignored"],
    ["DEADLINE_IN_QUEUE", "ignored"],
    ["DEADLINE_TOO_SHORT", "ignored"],
    ["CIRCUIT_OPEN", "ignored"],
    ["OVERLOADED", "ignored"],
    ["CALLER_LIMIT", "ignored"],
    ["IAM_UNAVAILABLE", "ignored"],
    ["IAM_REJECTED", "ignored"],
    ["CALLER_TOKEN_MISSING", "ignored"],
  ];
  test.each(expected)("the error %s counts as %s", (code, outcome) => {
    expect(outcomeOfError(new UpstreamError(code, ""), 100, 3_000)).toBe(outcome);
  });

  test("a deadline counts as a failure if the upstream had the whole time of an attempt", () => {
    const error = new UpstreamError("DEADLINE", "");
    expect(outcomeOfError(error, 2_999, 3_000)).toBe("ignored");
    expect(outcomeOfError(error, 3_000, 3_000)).toBe("failure");
  });

  test.each([undefined, null, "text", new Error("defect"), { code: "RESET" }])(
    "an error that is no UpstreamError (%s) is ignored",
    (thrown) => {
      expect(outcomeOfError(thrown, 10, 3_000)).toBe("ignored");
    },
  );
});
