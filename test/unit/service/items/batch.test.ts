import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import {
  BatchUnwrapKeyResponse,
  type UnwrapKeyRequest,
} from "../../../../src/gen/keyprotect/v1/key_actions_service.ts";
import { encodeStatus, maxDetailsBytes } from "../../../../src/grpc/status/encode-status.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import type { UnwrapResult } from "../../../../src/keyprotect/resources.ts";
import { CallEnded, CallLifetime } from "../../../../src/platform/call-signal.ts";
import { createKeyActionsHandlers } from "../../../../src/service/key-actions/handlers.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { outcomesOf, responseOf } from "../../../support/batch-results.ts";
import { callContext } from "../../../support/call-context.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { nextTurn } from "../../../support/next-turn.ts";
import { fakeKeyProtect, keyId } from "../fake-key-protect.ts";

const requestOf = (text: string): UnwrapKeyRequest => ({
  keyId,
  ciphertext: Buffer.from(text),
  additionalAuthenticatedData: [],
});

const requests = (count: number): UnwrapKeyRequest[] =>
  Array.from({ length: count }, (_, at) => requestOf(`ciphertext ${at}`));

/** A batch of unwraps whose answers the test gives, in the order of the requests. */
function startBatch(items: UnwrapKeyRequest[]) {
  const waiting: { resolve: (result: UnwrapResult) => void; reject: (error: unknown) => void }[] =
    [];
  const fake = fakeKeyProtect({
    unwrapKey: () =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
      }),
  });
  const clock = createDrivenClock();
  const lifetime = new CallLifetime();
  const context = callContext("BatchUnwrapKey", {
    signal: lifetime,
    deadline: 1_000,
    attemptLog: { attempts: 0, httpStatus: undefined },
  });
  const answer = createKeyActionsHandlers({ ...fake.deps, clock }).batchUnwrapKey(
    { items },
    context,
  );
  return { waiting, fake, clock, lifetime, context, answer };
}

const unwrapped = (text: string): UnwrapResult => ({
  plaintext: Buffer.from(text),
  rewrappedCiphertext: undefined,
  rewrappedKeyVersionId: undefined,
});

test("at most 32 items of a batch are in progress at a time", async () => {
  const { waiting, answer } = startBatch(requests(100));
  await nextTurn();
  expect(waiting).toHaveLength(32);
  for (let at = 0; at < 100; at++) {
    waiting[at]?.resolve(unwrapped(String(at)));
    await nextTurn();
    expect(waiting).toHaveLength(Math.min(100, 33 + at));
  }
  const { results } = await answer;
  expect(results.map((result) => responseOf(result).plaintext.toString())).toEqual(
    Array.from({ length: 100 }, (_, at) => String(at)),
  );
});

test("results are in the order of the items, whichever is answered first", async () => {
  const { waiting, answer } = startBatch(requests(3));
  await nextTurn();
  for (const at of [2, 0, 1]) waiting[at]?.resolve(unwrapped(String(at)));
  const { results } = await answer;
  expect(results.map((result) => responseOf(result).plaintext.toString())).toEqual(["0", "1", "2"]);
});

test("a plaintext that comes after the end of its batch is zeroed", async () => {
  const { waiting, lifetime, answer } = startBatch(requests(2));
  await nextTurn();
  const [early, late] = [unwrapped("early"), unwrapped("late")];
  waiting[0]?.resolve(early);
  await nextTurn();
  lifetime.end(new CallEnded("deadline"));
  const { results } = await answer;
  expect(outcomesOf(results)).toEqual(["OK", "DEADLINE_IN_QUEUE"]);
  waiting[1]?.resolve(late);
  await nextTurn();
  expect(late.plaintext).toEqual(Buffer.alloc(4));
  expect(early.plaintext.toString()).toBe("early");
});

test("items that have not begun when the batch ends are not sent", async () => {
  const { waiting, fake, lifetime, answer } = startBatch(requests(40));
  await nextTurn();
  lifetime.end(new CallEnded("shutdown"));
  const { results } = await answer;
  expect(new Set(outcomesOf(results))).toEqual(new Set(["SHUTTING_DOWN"]));
  for (const each of waiting) each.reject(new CallEnded("shutdown"));
  await nextTurn();
  expect(fake.calls).toHaveLength(32);
});

test("the call counts the requests of its items, and its items by status", async () => {
  const { waiting, context, answer } = startBatch([...requests(2), requestOf("")]);
  await nextTurn();
  waiting[0]?.resolve(unwrapped("a"));
  waiting[1]?.reject(new UpstreamError("UNREACHABLE", "unreachable"));
  await answer;
  const { items } = context.attemptLog;
  expect([...(items ?? [])].map(([code, { count }]) => [status[code], count])).toEqual([
    ["OK", 1],
    ["UNAVAILABLE", 1],
    ["INVALID_ARGUMENT", 1],
  ]);
});

const full = (retryAfterMs: number) =>
  new UpstreamError("OVERLOADED", "too many calls are waiting", { retryAfterMs });

describe("an item for which the queue has no room", () => {
  test("it is tried again when the time of the rejection is over", async () => {
    const { waiting, clock, answer } = startBatch(requests(1));
    await nextTurn();
    waiting[0]?.reject(full(200));
    await clock.advance(150);
    expect(waiting).toHaveLength(1);
    await clock.advance(400);
    expect(waiting).toHaveLength(2);
    waiting[1]?.resolve(unwrapped("a"));
    expect(outcomesOf((await answer).results)).toEqual(["OK"]);
  });

  test("it fails with the rejection if that time ends after the deadline", async () => {
    const { waiting, answer } = startBatch(requests(1));
    await nextTurn();
    waiting[0]?.reject(full(2_000));
    expect(outcomesOf((await answer).results)).toEqual(["OVERLOADED"]);
    expect(waiting).toHaveLength(1);
  });

  test("it ends with the batch while it waits", async () => {
    const { waiting, clock, lifetime, answer } = startBatch(requests(1));
    await nextTurn();
    waiting[0]?.reject(full(500));
    await nextTurn();
    lifetime.end(new CallEnded("shutdown"));
    expect(outcomesOf((await answer).results)).toEqual(["SHUTTING_DOWN"]);
    await nextTurn();
    expect([waiting.length, clock.pending]).toEqual([1, 0]);
  });

  test("other rejections are not tried again", async () => {
    const { waiting, answer } = startBatch(requests(1));
    await nextTurn();
    waiting[0]?.reject(new UpstreamError("CIRCUIT_OPEN", "open", { retryAfterMs: 10 }));
    expect(outcomesOf((await answer).results)).toEqual(["CIRCUIT_OPEN"]);
  });
});

describe("the largest response", () => {
  /** The least value of `limits.maxSendBytes`. */
  const leastMaxSendBytes = 2_097_152;

  test("100 results of the largest unwraps fit into any permitted response", () => {
    const value = {
      plaintext: Buffer.alloc(3_072),
      rewrappedCiphertext: Buffer.alloc(16_384),
      rewrappedKeyVersionId: keyId,
    };
    const result = { outcome: { $case: "response", value } } as const;
    const results = Array.from({ length: 100 }, () => result);
    const { length } = BatchUnwrapKeyResponse.encode({ results }).finish();
    expect(length).toBeLessThan(leastMaxSendBytes);
  });

  test("100 results with the largest errors fit too", () => {
    const error = new StatusError(status.INTERNAL, "GATEWAY_INTERNAL", "x".repeat(10_000));
    const facts = { correlationId: keyId, method: "a/b", attempts: 1, httpStatus: 500 };
    expect(encodeStatus(error, facts).details.length).toBeLessThanOrEqual(maxDetailsBytes);
    expect(100 * (maxDetailsBytes + 16)).toBeLessThan(leastMaxSendBytes);
  });
});
