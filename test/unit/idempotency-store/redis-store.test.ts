import { describe, expect, test } from "vitest";
import type { RedisCommands } from "../../../src/redis/redis-commands.ts";
import { RedisError } from "../../../src/redis/error.ts";
import { StoreError } from "../../../src/idempotency-store/store-error.ts";
import { createRedisStore } from "../../../src/idempotency-store/redis-store.ts";

const identity = { name: "n", fingerprint: "f" };

/** A store over a Redis that answers every script as given. */
function setUp(answer: () => Promise<unknown>) {
  const sent: unknown[] = [];
  const redis: Pick<RedisCommands, "eval"> = {
    eval: (_script, keys, args) => {
      sent.push([keys, args]);
      return answer();
    },
  };
  return { store: createRedisStore({ redis, keepMs: 60_000 }), sent };
}

test.each<[unknown, unknown]>([
  [["begun", ""], { kind: "begun" }],
  [["running", ""], { kind: "running" }],
  [["unknown", ""], { kind: "unknown" }],
  [["reused", ""], { kind: "reused" }],
  [["done", "k"], { kind: "done", keyId: "k" }],
])("the reply %o of the script is understood", async (reply, claim) => {
  const { store, sent } = setUp(async () => reply);
  expect(await store.begin(identity, "me", 1_000.5)).toEqual(claim);
  expect(sent).toEqual([[["request:n"], ["f", "me", 1_001]]]);
});

test.each([
  [1, true],
  [0, false],
])("the reply %o of the script confirms a reservation: %s", async (reply, isConfirmed) => {
  const { store, sent } = setUp(async () => reply);
  expect(await store.confirm(identity, "me", 1_000.5)).toBe(isConfirmed);
  expect(sent).toEqual([[["request:n"], ["me", 1_001, 60_000]]]);
});

test("a completion sends the key's ID, if there is one", async () => {
  const { store, sent } = setUp(async () => 1);
  await store.complete(identity, "me", { kind: "done", keyId: "k" });
  await store.complete(identity, "me", { kind: "nothing" });
  expect(sent).toEqual([
    [["request:n"], ["f", "me", "done", "k", 60_000]],
    [["request:n"], ["f", "me", "nothing", "", 60_000]],
  ]);
});

describe("the store in Redis is away", () => {
  test.each([null, 1, "begun", [], ["done", ""], ["done"], ["free", ""]])(
    "the store is away if Redis replies %o",
    async (reply) => {
      const { store } = setUp(async () => reply);
      const error = await store.begin(identity, "me", 1).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ code: "AWAY" });
    },
  );

  test("the store is away if Redis fails, with its error as the cause", async () => {
    const cause = new RedisError("TIMEOUT", true);
    const { store } = setUp(() => Promise.reject(cause));
    for (const call of [
      store.begin(identity, "me", 1),
      store.confirm(identity, "me", 1),
      store.complete(identity, "me", { kind: "unknown" }),
    ]) {
      await expect(call).rejects.toMatchObject({ name: "StoreError", code: "AWAY", cause });
    }
  });
});
