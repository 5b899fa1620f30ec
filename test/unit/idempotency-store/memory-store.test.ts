import { describe, expect, test } from "vitest";
import { createMemoryRecords } from "../../../src/idempotency-store/memory-store.ts";
import { RecordsError } from "../../../src/idempotency-store/store-error.ts";
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

function setUp(maxRecords?: number) {
  const clock = createDrivenClock();
  return { clock, records: createMemoryRecords({ clock, keepMs, maxRecords }) };
}

test("a claim is the first one's until it is settled, and then tells everybody the key", async () => {
  const { records } = setUp();
  const identity = await records.identify(parts("a"));
  expect(await records.claim(identity, "one", leaseMs)).toEqual({ kind: "claimed" });
  expect(await records.claim(identity, "one", leaseMs)).toEqual({ kind: "claimed" });
  expect(await records.claim(identity, "two", leaseMs)).toEqual({ kind: "running" });
  await records.settle(identity, "two", { kind: "nothing" });
  expect(await records.claim(identity, "two", leaseMs)).toEqual({ kind: "running" });
  await records.settle(identity, "one", { kind: "done", keyId: "k" });
  expect(await records.claim(identity, "two", leaseMs)).toEqual({ kind: "done", keyId: "k" });
});

test("other fields under the same ID are a reuse, whatever became of the first", async () => {
  const { records } = setUp();
  const first = await records.identify(parts("a"));
  const other = await records.identify(parts("a", { fields: ["orders", "2"] }));
  expect(other.name).toBe(first.name);
  await records.claim(first, "one", leaseMs);
  expect(await records.claim(other, "two", leaseMs)).toEqual({ kind: "reused" });
  await records.settle(first, "one", { kind: "done", keyId: "k" });
  expect(await records.claim(other, "two", leaseMs)).toEqual({ kind: "reused" });
});

test("what was certainly not carried out leaves the ID free", async () => {
  const { records } = setUp();
  const identity = await records.identify(parts("a"));
  await records.claim(identity, "one", leaseMs);
  await records.settle(identity, "one", { kind: "nothing" });
  const other = await records.identify(parts("a", { fields: [] }));
  expect(await records.claim(other, "two", leaseMs)).toEqual({ kind: "claimed" });
});

test("an unknown outcome stays unknown until it is forgotten", async () => {
  const { clock, records } = setUp();
  const identity = await records.identify(parts("a"));
  await records.claim(identity, "one", leaseMs);
  await records.settle(identity, "one", { kind: "unknown" });
  await clock.advance(keepMs - 1);
  expect(await records.claim(identity, "two", leaseMs)).toEqual({ kind: "unknown" });
  await clock.advance(1);
  expect(await records.claim(identity, "two", leaseMs)).toEqual({ kind: "claimed" });
});

test("a claim whose lease is over reads as unknown, and can still be settled", async () => {
  const { clock, records } = setUp();
  const identity = await records.identify(parts("a"));
  await records.claim(identity, "one", leaseMs);
  await clock.advance(leaseMs);
  expect(await records.claim(identity, "two", leaseMs)).toEqual({ kind: "unknown" });
  await records.settle(identity, "one", { kind: "done", keyId: "k" });
  expect(await records.claim(identity, "two", leaseMs)).toEqual({ kind: "done", keyId: "k" });
});

describe("when there is no room", () => {
  test("a new ID is refused and no record is dropped for it", async () => {
    const { clock, records } = setUp(2);
    for (const id of ["a", "b"]) {
      const identity = await records.identify(parts(id));
      await records.claim(identity, "one", leaseMs);
      await records.settle(identity, "one", { kind: "done", keyId: id });
      await clock.advance(1_000);
    }
    const third = await records.identify(parts("c"));
    const refusal = await records.claim(third, "one", leaseMs).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(RecordsError);
    expect(refusal).toMatchObject({ code: "FULL", retryAfterMs: keepMs - 2_000 });
    const first = await records.identify(parts("a"));
    expect(await records.claim(first, "two", leaseMs)).toEqual({ kind: "done", keyId: "a" });

    await clock.advance(keepMs - 2_000);
    expect(await records.claim(third, "one", leaseMs)).toEqual({ kind: "claimed" });
  });

  test("an ID that became free makes room", async () => {
    const { records } = setUp(1);
    const first = await records.identify(parts("a"));
    await records.claim(first, "one", leaseMs);
    await records.settle(first, "one", { kind: "nothing" });
    const second = await records.identify(parts("b"));
    expect(await records.claim(second, "one", leaseMs)).toEqual({ kind: "claimed" });
  });
});

describe("an identity", () => {
  const material = Buffer.from("correct horse battery staple");

  test.each<[string, Partial<RequestParts>, Partial<RequestParts>]>([
    ["material", { material }, { material: Buffer.from("another") }],
    ["no material and some", {}, { material }],
    ["fields that are split differently", { fields: ["ab", "c"] }, { fields: ["a", "bc"] }],
  ])("tells %s apart", async (_, one, other) => {
    const { records } = setUp();
    const [first, second] = await Promise.all([
      records.identify(parts("a", one)),
      records.identify(parts("a", other)),
    ]);
    expect(first.name).toBe(second.name);
    expect(first.fingerprint).not.toBe(second.fingerprint);
  });

  test("is another one in another process, so that it gives nothing away", async () => {
    const [one, other] = [setUp(), setUp()];
    const first = await one.records.identify(parts("a", { material }));
    const second = await other.records.identify(parts("a", { material }));
    expect(first.name).not.toBe(second.name);
    expect(first.fingerprint).not.toBe(second.fingerprint);
    expect(await one.records.identify(parts("a", { material }))).toEqual(first);
  });
});
