import { status } from "@grpc/grpc-js";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { createKeyVersionStatus } from "../../../../src/doors/kubernetes-kms/key-version-status.ts";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { StatusError, type Reason } from "../../../../src/grpc/status/status-error.ts";
import { callContext } from "../../../support/call-context.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";

const refusal = (code: status, reason: Reason): StatusError => new StatusError(code, reason, "");
const disabled = refusal(status.FAILED_PRECONDITION, "KEY_STATE_INVALID");
const unreachable = refusal(status.UNAVAILABLE, "UPSTREAM_UNREACHABLE");

/** A status whose wraps the test answers. */
function setUp() {
  const clock = createDrivenClock();
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const wraps: { context: CallContext; answer: (outcome: string | Error) => void }[] = [];
  const keyVersion = createKeyVersionStatus({
    wrap: (context) =>
      new Promise((resolve, reject) => {
        const answer = (outcome: string | Error): void =>
          typeof outcome === "string" ? resolve(outcome) : reject(outcome);
        wraps.push({ context, answer });
        context.signal.addEventListener("abort", () =>
          reject(refusal(status.DEADLINE_EXCEEDED, "DEADLINE_UPSTREAM")),
        );
      }),
    maxStalenessMs: 180_000,
    caller: "kubernetes",
    clock,
  });
  const call = () =>
    keyVersion.current(callContext("WrapKey", { deadline: clock.now() + 2_940, logger }));
  return {
    clock,
    lines,
    wraps,
    keyVersion,
    call,
    /** A call of Status for which exactly one wrap is made. */
    answered: async (outcome: string | Error) => {
      const before = wraps.length;
      const verdict = call();
      expect(wraps).toHaveLength(before + 1);
      wraps[before]?.answer(outcome);
      return verdict;
    },
    /** A call of Status for which no wrap is made. */
    unasked: async () => {
      const before = wraps.length;
      const verdict = await call();
      expect(wraps).toHaveLength(before);
      return verdict;
    },
    wrapped: (version: string, startedAt: number) => keyVersion.wrapped(version, startedAt, logger),
  };
}

describe("the status of a key's newest version", () => {
  test("is that of one wrap, which is not repeated for 15 seconds", async () => {
    const { answered, unasked, clock } = setUp();
    expect(await answered("v1")).toEqual({ keyVersionId: "v1", failure: undefined });
    await clock.advance(14_999);
    expect(await unasked()).toEqual({ keyVersionId: "v1", failure: undefined });
    await clock.advance(1);
    expect(await answered("v2")).toEqual({ keyVersionId: "v2", failure: undefined });
  });

  test("calls at the same time wait for one wrap", async () => {
    const { call, wraps } = setUp();
    const verdicts = [call(), call(), call()];
    expect(wraps).toHaveLength(1);
    wraps[0]?.answer("v1");
    const good = { keyVersionId: "v1", failure: undefined };
    expect(await Promise.all(verdicts)).toEqual([good, good, good]);
  });

  test("a wrap goes on after the call that began it has ended", async () => {
    const { keyVersion, wraps, call } = setUp();
    const ended = new AbortController();
    void keyVersion.current(callContext("WrapKey", { signal: ended.signal, deadline: 2_000 }));
    const other = call();
    ended.abort();
    expect(wraps[0]?.context.signal.aborted).toBe(false);
    wraps[0]?.answer("v1");
    expect(await other).toEqual({ keyVersionId: "v1", failure: undefined });
  });

  test("a wrap of Encrypt counts like one of Status", async () => {
    const { wrapped, unasked, clock } = setUp();
    wrapped("v1", 0);
    expect(await unasked()).toEqual({ keyVersionId: "v1", failure: undefined });
    await clock.advance(10_000);
    wrapped("v2", 10_000);
    await clock.advance(14_000);
    expect(await unasked()).toEqual({ keyVersionId: "v2", failure: undefined });
  });

  test("of two wraps at a time, the one that began last names the version", async () => {
    const { call, wraps, wrapped, clock } = setUp();
    const verdict = call();
    await clock.advance(5);
    wrapped("v2", 5);
    wraps[0]?.answer("v1");
    expect(await verdict).toEqual({ keyVersionId: "v2", failure: undefined });
  });

  test("a wrap that failed after a newer one succeeded changes nothing", async () => {
    const { call, wraps, wrapped, clock } = setUp();
    const verdict = call();
    await clock.advance(5);
    wrapped("v2", 5);
    wraps[0]?.answer(disabled);
    expect(await verdict).toEqual({ keyVersionId: "v2", failure: undefined });
  });
});

describe("a failure of the wrap", () => {
  test.each([
    unreachable,
    refusal(status.RESOURCE_EXHAUSTED, "UPSTREAM_RATE_LIMITED"),
    refusal(status.UNAVAILABLE, "CIRCUIT_OPEN"),
    refusal(status.UNAVAILABLE, "IAM_UNAVAILABLE"),
    refusal(status.DEADLINE_EXCEEDED, "DEADLINE_UPSTREAM"),
    refusal(status.INTERNAL, "UPSTREAM_BAD_RESPONSE"),
    refusal(status.INTERNAL, "UPSTREAM_TLS_FAILURE"),
    new TypeError("a defect"),
  ])("that is transient ($reason) does not show for three minutes", async (error) => {
    const { answered, unasked, clock } = setUp();
    await answered("v1");
    await clock.advance(60_000);
    expect(await answered(error)).toEqual({ keyVersionId: "v1", failure: undefined });
    await clock.advance(120_000);
    expect(await answered(error)).toEqual({ keyVersionId: "v1", failure: undefined });
    await clock.advance(1);
    const reason = error instanceof StatusError ? error.reason : "GATEWAY_INTERNAL";
    expect(await unasked()).toEqual({ keyVersionId: "v1", failure: reason });
  });

  test.each([
    disabled,
    refusal(status.NOT_FOUND, "KEY_NOT_FOUND"),
    refusal(status.FAILED_PRECONDITION, "KEY_DELETED"),
    refusal(status.PERMISSION_DENIED, "UPSTREAM_ACCESS_DENIED"),
    refusal(status.INTERNAL, "UPSTREAM_CREDENTIALS_REJECTED"),
    refusal(status.INTERNAL, "UPSTREAM_REQUEST_REJECTED"),
  ])("that is permanent ($reason) shows at once and takes the version away", async (error) => {
    const { answered, clock } = setUp();
    await answered("v1");
    await clock.advance(15_000);
    expect(await answered(error)).toEqual({ keyVersionId: undefined, failure: error.reason });
  });

  test("is followed by the next wrap after three seconds, not before", async () => {
    const { answered, unasked, clock } = setUp();
    await answered(disabled);
    await clock.advance(2_999);
    await unasked();
    await clock.advance(1);
    expect(await answered("v1")).toEqual({ keyVersionId: "v1", failure: undefined });
  });

  test("that is permanent is not refuted by a transient one, only by a success", async () => {
    const { answered, clock } = setUp();
    await answered("v1");
    await clock.advance(15_000);
    await answered(disabled);
    await clock.advance(3_000);
    expect(await answered(unreachable)).toEqual({
      keyVersionId: undefined,
      failure: "KEY_STATE_INVALID",
    });
    await clock.advance(3_000);
    expect(await answered("v1")).toEqual({ keyVersionId: "v1", failure: undefined });
  });

  test("is logged once, and its end too", async () => {
    const { answered, clock, lines } = setUp();
    await answered(disabled);
    await clock.advance(3_000);
    await answered(disabled);
    await clock.advance(3_000);
    await answered("v1");
    expect(lines.map(({ msg, reason, caller }) => [msg, reason, caller])).toEqual([
      ["an endpoint's Status is not ok", "KEY_STATE_INVALID", "kubernetes"],
      ["an endpoint's Status is ok again", undefined, "kubernetes"],
    ]);
  });
});

describe("a wrap without an answer", () => {
  test("holds a call for one second only while an earlier wrap counts", async () => {
    const { answered, call, clock } = setUp();
    await answered("v1");
    await clock.advance(15_000);
    const verdict = call();
    await clock.advance(1_000);
    expect(await verdict).toEqual({ keyVersionId: "v1", failure: undefined });
  });

  test("without an earlier one ends after 2.5 seconds, before the deadline of the call", async () => {
    const { call, clock } = setUp();
    const verdict = call();
    await clock.advance(2_500);
    expect(await verdict).toEqual({ keyVersionId: undefined, failure: "DEADLINE_UPSTREAM" });
    expect(clock.pending).toBe(0);
  });

  test("is not waited for beyond the deadline of a call that has little time", async () => {
    const { keyVersion, clock } = setUp();
    const verdict = keyVersion.current(callContext("WrapKey", { deadline: 200 }));
    await clock.advance(150);
    expect(await verdict).toEqual({ keyVersionId: undefined, failure: "DEADLINE_UPSTREAM" });
  });
});
