import { expect, test } from "vitest";
import { createMemoryStore } from "../../../src/idempotency-store/memory-store.ts";
import { createRetryingStore } from "../../../src/idempotency-store/retrying-store.ts";
import { StoreError } from "../../../src/idempotency-store/store-error.ts";
import type { IdempotencyStore } from "../../../src/idempotency-store/store.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

const keepMs = 60_000;
const done = { kind: "done", keyId: "k" } as const;

function setUp(options: { maxWaiting?: number } = {}) {
  const clock = createDrivenClock();
  const kept = createMemoryStore({ clock, keepMs: 86_400_000 });
  const tried: string[] = [];
  const lines: string[] = [];
  const network = { isAway: false, refused: "" };
  const store: IdempotencyStore = {
    ...kept,
    complete(identity, owner, completion) {
      tried.push(owner);
      if (network.isAway || owner === network.refused) {
        return Promise.reject(new StoreError("AWAY", "away"));
      }
      return kept.complete(identity, owner, completion);
    },
  };
  const log = (...args: unknown[]): void => void lines.push(String(args.at(-1)));
  const logger = { info: log, warn: log };
  const retrying = createRetryingStore({ store, clock, logger, keepMs, ...options });
  const identityOf = (id: string) =>
    kept.identify({ scope: [id], fields: [], material: undefined });
  /** Begins a request by an owner of the same name. */
  const start = async (id: string) => {
    const identity = await identityOf(id);
    await retrying.begin(identity, id, 1_000);
    await retrying.confirm(identity, id, 30_000);
    return identity;
  };
  const kindOf = async (id: string): Promise<string> =>
    (await kept.begin(await identityOf(id), "another", 0)).kind;
  return { clock, network, tried, lines, retrying, start, kindOf };
}

test("a completion that the store did not take rejects, and is repeated until the store takes it", async () => {
  const { clock, network, tried, lines, retrying, start, kindOf } = setUp();
  const identity = await start("a");
  network.isAway = true;
  await expect(retrying.complete(identity, "a", done)).rejects.toMatchObject({ code: "AWAY" });
  await clock.advance(20_000);
  expect(await kindOf("a")).toBe("running");
  // 100, 200, 400 ms and so on up to 2 s.
  expect(tried.length).toBeGreaterThan(10);
  expect(tried.length).toBeLessThan(20);
  network.isAway = false;
  await clock.advance(2_000);
  expect(await kindOf("a")).toBe("done");
  expect(retrying.waiting).toBe(0);
  expect(clock.pending).toBe(0);
  expect(lines).toEqual(["the records of request IDs are up to date again"]);
});

test("a completion that the store never takes keeps back no other, and is given up when its record is over", async () => {
  const { clock, network, lines, retrying, start, kindOf } = setUp();
  const identities = [await start("a"), await start("b"), await start("c")];
  network.isAway = true;
  for (const [at, owner] of ["a", "b", "c"].entries()) {
    const identity = identities[at] ?? expect.fail();
    await retrying.complete(identity, owner, done).catch(() => {});
  }
  network.isAway = false;
  network.refused = "a";
  await clock.advance(10_000);
  expect([await kindOf("a"), await kindOf("b"), await kindOf("c")]).toEqual([
    "running",
    "done",
    "done",
  ]);
  expect(retrying.waiting).toBe(1);
  await clock.advance(keepMs);
  expect(retrying.waiting).toBe(0);
  expect(lines).toEqual(["the record of a request ID stays out of date"]);
  expect(clock.pending).toBe(0);
});

test("the number of completions that wait is bounded", async () => {
  const { network, lines, retrying, start } = setUp({ maxWaiting: 2 });
  const identity = await start("a");
  network.isAway = true;
  for (const owner of ["a", "b", "c"]) {
    await retrying.complete(identity, owner, done).catch(() => {});
  }
  expect(retrying.waiting).toBe(2);
  expect(lines).toEqual(["the record of a request ID stays out of date"]);
});

test("the disposal of the store makes the completions that wait, once", async () => {
  const { clock, network, tried, retrying, start, kindOf } = setUp();
  const identity = await start("a");
  network.isAway = true;
  await retrying.complete(identity, "a", { kind: "nothing" }).catch(() => {});
  network.isAway = false;
  await retrying[Symbol.asyncDispose]();
  expect(await kindOf("a")).toBe("begun");
  expect(tried).toHaveLength(2);
  expect(clock.pending).toBe(0);
});
