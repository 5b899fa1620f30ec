import { describe, expect, test } from "vitest";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";
import { nextTurn } from "../../../support/next-turn.ts";
import { failure, rejected } from "../fake-key-protect.ts";
import { fresh, requestId, setUp } from "./idempotent-calls.ts";

test("a hundred calls with one ID make one change, and all get its key", async () => {
  const { ask, begun } = setUp();
  const calls = Array.from({ length: 100 }, () => ask());
  await nextTurn();
  expect(begun).toHaveLength(1);
  begun[0]?.end("k");
  const [first, ...others] = await Promise.all(calls);
  expect(first).toMatchObject({ kind: "made", made: "k" });
  for (const other of others) expect(other).toEqual({ kind: "replay", keyId: "k", joined: true });
  expect(await ask()).toEqual({ kind: "replay", keyId: "k", joined: false });
  expect(begun).toHaveLength(1);
});

test("calls without an ID each make their change", async () => {
  const { ask, begun } = setUp();
  const calls = [ask({ id: "" }), ask({ id: "" })];
  await nextTurn();
  for (const { end } of begun) end("k");
  expect((await Promise.all(calls)).map(({ kind }) => kind)).toEqual(["made", "made"]);
});

test("an ID means the same in upper case", async () => {
  const { ask, begun } = setUp();
  const first = ask();
  await nextTurn();
  begun[0]?.end("k");
  await first;
  expect(await ask({ id: requestId.toUpperCase() })).toMatchObject({ kind: "replay" });
});

test.each<[string, Partial<CallContext>]>([
  ["another caller", { caller: "spiffe://example/other" }],
  ["another instance", { instance: "other" }],
  ["another RPC", { rpc: callContext("RotateKey").rpc }],
])("%s has request IDs of its own", async (_, overrides) => {
  const { ask, begun } = setUp();
  const first = ask();
  await nextTurn();
  begun[0]?.end("k");
  await first;
  const second = ask({ context: fresh(overrides) });
  await nextTurn();
  begun[1]?.end("another");
  expect(await second).toMatchObject({ kind: "made", made: "another" });
});

test("other fields under the same ID are rejected, during the first call and after it", async () => {
  const { ask, begun } = setUp();
  const first = ask();
  await nextTurn();
  expect(await failure(ask({ fields: ["invoices"] }))).toMatchObject({
    reason: "REQUEST_ID_REUSED",
  });
  begun[0]?.end("k");
  await first;
  const error = await failure(ask({ fields: ["invoices"] }));
  expect(error).toMatchObject({ reason: "REQUEST_ID_REUSED" });
  expect(error.details.violations?.map(({ field }) => field)).toEqual(["request_id"]);
  expect(begun).toHaveLength(1);
});

describe("after a failure", () => {
  test("a rejection is passed to all waiting calls and leaves the ID free for any request", async () => {
    const { ask, begun } = setUp();
    const calls = [ask(), ask(), ask()];
    await nextTurn();
    begun[0]?.fail(rejected(409));
    for (const call of calls)
      expect(await failure(call)).toMatchObject({ reason: "RESOURCE_EXISTS" });
    expect(begun).toHaveLength(1);
    const again = ask({ fields: ["invoices"] });
    await nextTurn();
    begun[1]?.end("k");
    expect(await again).toMatchObject({ kind: "made" });
  });

  test.each([
    ["access denied to one token", rejected(401)],
    ["no connection", new UpstreamError("UNREACHABLE", "refused")],
    ["a deadline in the queue", new UpstreamError("DEADLINE_IN_QUEUE", "late")],
  ])("%s concerns one call only; the next waiting call tries itself", async (_, error) => {
    const { ask, begun } = setUp();
    const [first, second, third] = [ask(), ask(), ask()];
    await nextTurn();
    begun[0]?.fail(error);
    await failure(first);
    await nextTurn();
    expect(begun).toHaveLength(2);
    begun[1]?.end("k");
    expect(await second).toMatchObject({ kind: "made" });
    expect(await third).toMatchObject({ kind: "replay", joined: true });
  });

  test.each([
    ["a lost connection", new UpstreamError("RESET", "reset", { sent: true }), "OUTCOME_UNKNOWN"],
    ["a server error", rejected(500), "OUTCOME_UNKNOWN"],
    [
      "an answer that makes no sense",
      new KeyProtectError("BAD_RESPONSE", "?"),
      "UPSTREAM_BAD_RESPONSE",
    ],
    ["a defect", new TypeError("undefined is not a function"), "GATEWAY_INTERNAL"],
  ])("%s leaves the outcome unknown for waiting and for later calls", async (_, error, reason) => {
    const { ask, begun } = setUp();
    const [first, second] = [ask(), ask()];
    await nextTurn();
    begun[0]?.fail(error);
    expect(await failure(first)).toMatchObject({ reason, details: { mayHaveExecuted: true } });
    const unknown = {
      reason: "OUTCOME_UNKNOWN",
      details: { mayHaveExecuted: true },
    };
    expect(await failure(second)).toMatchObject(unknown);
    expect(await failure(ask())).toMatchObject(unknown);
    expect(begun).toHaveLength(1);
  });
});
