import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../src/idempotency-store/memory-store.ts";
import { StoreError } from "../../../src/idempotency-store/store-error.ts";
import type { RequestParts } from "../../../src/idempotency-store/store.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

const keepMs = 60_000;
const leaseMs = 5_000;
const parts = (id: string, overrides: Partial<RequestParts> = {}): RequestParts => ({
  scope: ["default", "CreateKey", "anonymous", "", id],
  fields: ["orders", "1"],
  material: undefined,
  ...overrides,
});

function setUp(options: { maxRecords?: number } = {}) {
  const clock = createDrivenClock();
  return { clock, store: createMemoryStore({ clock, keepMs, ...options }) };
}

test("a request belongs to its first owner until it is completed, and then yields its key", async () => {
  const { store } = setUp();
  const identity = await store.identify(parts("a"));
  expect(await store.begin(identity, "one", leaseMs)).toEqual({ kind: "begun" });
  expect(await store.begin(identity, "one", leaseMs)).toEqual({ kind: "begun" });
  expect(await store.confirm(identity, "one", leaseMs)).toBe(true);
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "running" });
  await store.complete(identity, "two", { kind: "nothing" });
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "running" });
  await store.complete(identity, "one", { kind: "done", keyId: "k" });
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "done", keyId: "k" });
});

test("other fields under the same ID are a reuse, however the first request ended", async () => {
  const { store } = setUp();
  const first = await store.identify(parts("a"));
  const other = await store.identify(parts("a", { fields: ["orders", "2"] }));
  expect(other.name).toBe(first.name);
  await store.begin(first, "one", leaseMs);
  expect(await store.begin(other, "two", leaseMs)).toEqual({ kind: "reused" });
  await store.complete(first, "one", { kind: "done", keyId: "k" });
  expect(await store.begin(other, "two", leaseMs)).toEqual({ kind: "reused" });
});

test("a request that was certainly not executed leaves the ID free", async () => {
  const { store } = setUp();
  const identity = await store.identify(parts("a"));
  await store.begin(identity, "one", leaseMs);
  await store.complete(identity, "one", { kind: "nothing" });
  const other = await store.identify(parts("a", { fields: [] }));
  expect(await store.begin(other, "two", leaseMs)).toEqual({ kind: "begun" });
});

test("an unknown outcome stays unknown until its record is deleted", async () => {
  const { clock, store } = setUp();
  const identity = await store.identify(parts("a"));
  await store.begin(identity, "one", leaseMs);
  await store.complete(identity, "one", { kind: "unknown" });
  await clock.advance(keepMs - 1);
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "unknown" });
  await clock.advance(1);
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "begun" });
});

test("a request whose lease is over reads as unknown, and can still be completed", async () => {
  const { clock, store } = setUp();
  const identity = await store.identify(parts("a"));
  await store.begin(identity, "one", 1_000);
  expect(await store.confirm(identity, "one", leaseMs)).toBe(true);
  await clock.advance(leaseMs - 1);
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "running" });
  await clock.advance(1);
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "unknown" });
  await store.complete(identity, "one", { kind: "done", keyId: "k" });
  expect(await store.begin(identity, "two", leaseMs)).toEqual({ kind: "done", keyId: "k" });
});

test("a reservation that its owner does not confirm in time frees the ID and cannot be confirmed", async () => {
  const { clock, store } = setUp();
  const identity = await store.identify(parts("a"));
  await store.begin(identity, "one", 1_000);
  await clock.advance(999);
  expect(await store.begin(identity, "two", 1_000)).toEqual({ kind: "running" });
  await clock.advance(1);
  expect(await store.confirm(identity, "one", leaseMs)).toBe(false);
  expect(await store.begin(identity, "two", 1_000)).toEqual({ kind: "begun" });
  expect(await store.confirm(identity, "one", leaseMs)).toBe(false);
  expect(await store.confirm(identity, "two", leaseMs)).toBe(true);
});

test("a confirmation after the completion or without a reservation has no effect", async () => {
  const { store } = setUp();
  const identity = await store.identify(parts("a"));
  expect(await store.confirm(identity, "one", leaseMs)).toBe(false);
  await store.begin(identity, "one", 1_000);
  await store.complete(identity, "one", { kind: "done", keyId: "k" });
  expect(await store.confirm(identity, "one", leaseMs)).toBe(false);
  expect(await store.begin(identity, "two", 1_000)).toEqual({ kind: "done", keyId: "k" });
});

describe("when there is no room", () => {
  test("a full store rejects a new ID and drops no record for it", async () => {
    const { clock, store } = setUp({ maxRecords: 2 });
    for (const id of ["a", "b"]) {
      const identity = await store.identify(parts(id));
      await store.begin(identity, "one", leaseMs);
      await store.complete(identity, "one", { kind: "done", keyId: id });
      await clock.advance(1_000);
    }
    const third = await store.identify(parts("c"));
    const refusal = await store.begin(third, "one", leaseMs).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(refusal).toMatchObject({ code: "FULL", retryAfterMs: keepMs - 2_000 });
    const first = await store.identify(parts("a"));
    expect(await store.begin(first, "two", leaseMs)).toEqual({ kind: "done", keyId: "a" });

    await clock.advance(keepMs - 2_000);
    expect(await store.begin(third, "one", leaseMs)).toEqual({ kind: "begun" });
  });

  test("an ID that became free makes room in a full store", async () => {
    const { store } = setUp({ maxRecords: 1 });
    const first = await store.identify(parts("a"));
    await store.begin(first, "one", leaseMs);
    await store.complete(first, "one", { kind: "nothing" });
    const second = await store.identify(parts("b"));
    expect(await store.begin(second, "one", leaseMs)).toEqual({ kind: "begun" });
  });
});

describe("an identity", () => {
  const material = Buffer.from("correct horse battery staple");

  test.each<[string, Partial<RequestParts>, Partial<RequestParts>]>([
    ["material", { material }, { material: Buffer.from("another") }],
    ["no material and some", {}, { material }],
    ["fields that are split differently", { fields: ["ab", "c"] }, { fields: ["a", "bc"] }],
  ])("an identity distinguishes %s", async (_, one, other) => {
    const { store } = setUp();
    const [first, second] = await Promise.all([
      store.identify(parts("a", one)),
      store.identify(parts("a", other)),
    ]);
    expect(first.name).toBe(second.name);
    expect(first.fingerprint).not.toBe(second.fingerprint);
  });

  test("an identity differs between processes, so that it reveals nothing", async () => {
    const [one, other] = [setUp(), setUp()];
    const first = await one.store.identify(parts("a", { material }));
    const second = await other.store.identify(parts("a", { material }));
    expect(first.name).not.toBe(second.name);
    expect(first.fingerprint).not.toBe(second.fingerprint);
    expect(await one.store.identify(parts("a", { material }))).toEqual(first);
  });
});
