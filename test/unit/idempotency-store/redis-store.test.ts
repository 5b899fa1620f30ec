import { describe, expect, test } from "vitest";
import type { RedisCommands } from "../../../src/redis/redis-commands.ts";
import { RedisError } from "../../../src/redis/redis-error.ts";
import { RecordsError } from "../../../src/idempotency-store/store-error.ts";
import { createRedisRecords } from "../../../src/idempotency-store/redis-store.ts";

const identity = { name: "n", fingerprint: "f" };

/** Records over a Redis that answers every script as given. */
function setUp(answer: () => Promise<unknown>) {
  const sent: unknown[] = [];
  const redis: Pick<RedisCommands, "eval"> = {
    eval: (_script, keys, args) => {
      sent.push([keys, args]);
      return answer();
    },
  };
  return { records: createRedisRecords({ redis, keepMs: 60_000 }), sent };
}

test.each<[unknown, unknown]>([
  [["claimed", ""], { kind: "claimed" }],
  [["running", ""], { kind: "running" }],
  [["unknown", ""], { kind: "unknown" }],
  [["reused", ""], { kind: "reused" }],
  [["done", "k"], { kind: "done", keyId: "k" }],
])("reads the reply %o", async (reply, claim) => {
  const { records, sent } = setUp(async () => reply);
  expect(await records.claim(identity, "me", 1_000.5)).toEqual(claim);
  expect(sent).toEqual([[["request:n"], ["f", "me", 1_001, 60_000]]]);
});

test("settles with the key's ID, if there is one", async () => {
  const { records, sent } = setUp(async () => 1);
  await records.settle(identity, "me", { kind: "done", keyId: "k" });
  await records.settle(identity, "me", { kind: "nothing" });
  expect(sent).toEqual([
    [["request:n"], ["f", "me", "done", "k", 60_000]],
    [["request:n"], ["f", "me", "nothing", "", 60_000]],
  ]);
});

describe("is away", () => {
  test.each([null, 1, "claimed", [], ["done", ""], ["done"], ["free", ""]])(
    "if Redis replies %o",
    async (reply) => {
      const { records } = setUp(async () => reply);
      const error = await records.claim(identity, "me", 1).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RecordsError);
      expect(error).toMatchObject({ code: "AWAY" });
    },
  );

  test("if Redis fails, whose error is kept as the cause", async () => {
    const cause = new RedisError("TIMEOUT", true);
    const { records } = setUp(() => Promise.reject(cause));
    for (const call of [
      records.claim(identity, "me", 1),
      records.settle(identity, "me", { kind: "unknown" }),
    ]) {
      await expect(call).rejects.toMatchObject({ name: "RecordsError", code: "AWAY", cause });
    }
  });
});
