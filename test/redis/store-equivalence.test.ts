/**
 * The store in memory and the store in Redis give the same answers. So the properties that are
 * searched with the store in memory and a driven clock hold for the scripts too.
 */
import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMemoryStore } from "../../src/idempotency-store/memory-store.ts";
import { createRedisStore } from "../../src/idempotency-store/redis-store.ts";
import type { Completion, IdempotencyStore } from "../../src/idempotency-store/store.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { connectRedis } from "../../src/redis/connect-redis.ts";
import type { RedisCommands } from "../../src/redis/redis-commands.ts";
import { eventually } from "../support/eventually.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { createLogSink } from "./share-group.ts";

const keepMs = 3_600_000;

let server: RedisServer;
let redis: RedisCommands;
beforeAll(async () => {
  server = await startRedisServer();
  const { logger } = createLogSink();
  const settings = { url: server.url, keyPrefix: "kp:" };
  redis = connectRedis(settings, { logger, clock: systemClock, random: Math.random });
  await eventually(() => redis.isReady);
});
afterAll(async () => {
  await redis.close();
  await server[Symbol.asyncDispose]();
});

type Step =
  | { readonly kind: "begin" | "confirm"; readonly owner: string; readonly ms: number }
  | { readonly kind: "complete"; readonly owner: string; readonly completion: Completion };

const owner = fc.constantFrom("one", "two", "three");
// A time has passed at once or not at all, so that the speed of the test does not matter.
const ms = fc.constantFrom(0, 3_600_000);
const completion: fc.Arbitrary<Completion> = fc.oneof(
  fc.constantFrom<Completion>({ kind: "nothing" }, { kind: "unknown" }),
  fc.constant<Completion>({ kind: "done", keyId: "k" }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constantFrom("begin" as const, "confirm" as const), owner, ms }),
  fc.record({ kind: fc.constant("complete" as const), owner, completion }),
);

/** Takes the steps with a record of its own, and returns the answers. */
async function answersOf(store: IdempotencyStore, steps: readonly Step[]): Promise<unknown[]> {
  const scope = [randomUUID()];
  const identities = await Promise.all(
    ["a", "b"].map((field) => store.identify({ scope, fields: [field], material: undefined })),
  );
  const answers: unknown[] = [];
  for (const one of steps) {
    // Each third owner asks for other fields under the same ID.
    const identity = identities[one.owner === "three" ? 1 : 0] ?? expect.fail();
    if (one.kind === "complete") await store.complete(identity, one.owner, one.completion);
    else answers.push(await store[one.kind](identity, one.owner, one.ms));
  }
  return answers;
}

test("the stores in memory and in Redis give the same answers to the same steps", async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const expected = await answersOf(createMemoryStore({ clock: systemClock, keepMs }), steps);
      expect(await answersOf(createRedisStore({ redis, keepMs }), steps)).toEqual(expected);
      for (const answer of expected) seen.add(JSON.stringify(answer));
    }),
    { numRuns: 500 },
  );
  expect([...seen].toSorted()).toEqual([
    "false",
    "true",
    '{"kind":"begun"}',
    '{"kind":"done","keyId":"k"}',
    '{"kind":"reused"}',
    '{"kind":"running"}',
    '{"kind":"unknown"}',
  ]);
}, 60_000);
