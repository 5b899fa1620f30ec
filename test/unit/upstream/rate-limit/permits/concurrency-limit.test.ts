import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { createConcurrencyLimit } from "../../../../../src/upstream/rate-limit/permits/concurrency-limit.ts";
import type { ConcurrencyLimit } from "../../../../../src/upstream/rate-limit/permits/concurrency-limit.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";
import type { DrivenClock } from "../../../../support/driven-clock.ts";
import { createDrivenPermits } from "./driven-permits.ts";
import type { DrivenPermits } from "./driven-permits.ts";

interface Bounded {
  readonly clock: DrivenClock;
  readonly inner: DrivenPermits;
  readonly permits: ConcurrencyLimit;
}

/** Creates bounded permits. Default: 10 per second and 5 at once. */
function bounded(most: number, rate = 10, burst = 5): Bounded {
  const clock = createDrivenClock();
  const inner = createDrivenPermits(clock, rate, burst);
  return {
    clock,
    inner,
    permits: createConcurrencyLimit(inner, most, undefined, (callback) => callback()),
  };
}

test("the limit gives no permit, and spends none, while all places are in use", () => {
  const { inner, permits } = bounded(2);
  expect([permits.tryTake(), permits.tryTake(), permits.tryTake()]).toEqual([true, true, false]);
  expect([permits.inFlight, inner.spent]).toEqual([2, 2]);
});

test("a missing permit uses no place", () => {
  const { permits } = bounded(3, 10, 1);
  expect([permits.tryTake(), permits.tryTake()]).toEqual([true, false]);
  expect(permits.inFlight).toBe(1);
});

test("a release gives the place back and keeps the permit spent; a refund gives both back", () => {
  const { inner, permits } = bounded(2);
  permits.tryTake();
  permits.tryTake();
  permits.release();
  expect([permits.inFlight, inner.spent]).toEqual([1, 2]);
  permits.refund();
  expect([permits.inFlight, inner.spent]).toEqual([0, 1]);
});

test.each(["release", "refund"] as const)(
  "a waiter sleeps while all places are in use until a %s, and is called after it returned",
  async (way) => {
    const { clock, inner, permits } = bounded(1);
    permits.tryTake();
    const waiter = vi.fn();
    permits.whenAvailable(waiter);
    await clock.advance(60_000);
    expect(waiter).not.toHaveBeenCalled();
    expect(inner.isAwaited).toBe(false);
    expect(clock.pending).toBe(0);

    permits[way]();
    expect(waiter).not.toHaveBeenCalled();
    await clock.advance(0);
    expect(waiter).toHaveBeenCalledOnce();
  },
);

test("a freed place calls no waiter before there is a permit too", async () => {
  const { clock, permits } = bounded(1, 10, 1);
  permits.tryTake();
  const waiter = vi.fn();
  permits.whenAvailable(waiter);
  permits.release();
  await clock.advance(99);
  expect(waiter).not.toHaveBeenCalled();
  await clock.advance(2);
  expect(waiter).toHaveBeenCalledOnce();
});

test("a newer waiter replaces an older one, and `undefined` cancels it, also while all places are in use", async () => {
  const { clock, permits } = bounded(1);
  const [older, newer, cancelled] = [vi.fn(), vi.fn(), vi.fn()];
  permits.tryTake();
  permits.whenAvailable(older);
  permits.whenAvailable(newer);
  permits.release();
  await clock.advance(0);
  expect([older.mock.calls.length, newer.mock.calls.length]).toEqual([0, 1]);

  permits.tryTake();
  permits.whenAvailable(cancelled);
  permits.whenAvailable(undefined);
  permits.release();
  await clock.advance(1_000);
  expect(cancelled).not.toHaveBeenCalled();
});

test.each([
  ["all connections are busy", 1],
  ["a connection is free", 2],
])("the waiter is called once when a pause begins while %s", async (_, most) => {
  const { clock, permits } = bounded(most);
  permits.tryTake();
  const waiter = vi.fn(() => permits.whenAvailable(waiter));
  permits.whenAvailable(waiter);
  permits.pauseUntil(500);
  expect(waiter).toHaveBeenCalledOnce();
  expect(permits.pausedUntil).toBe(500);
  permits.release();
  await clock.advance(499);
  expect(waiter).toHaveBeenCalledOnce();
  waiter.mockImplementation(() => undefined);
  await clock.advance(200);
  expect(waiter).toHaveBeenCalledTimes(2);
});

test("a shorter or equal pause calls no waiter while all connections are busy", () => {
  const { permits } = bounded(1);
  permits.tryTake();
  const waiter = vi.fn(() => permits.whenAvailable(waiter));
  permits.whenAvailable(waiter);
  permits.pauseUntil(500);
  permits.pauseUntil(500);
  permits.pauseUntil(200);
  expect(waiter).toHaveBeenCalledOnce();
  permits.pauseUntil(501);
  expect(waiter).toHaveBeenCalledTimes(2);
});

test("the limit passes the rate and estimates through", () => {
  const { inner, permits } = bounded(1, 10, 1);
  permits.setRate(4);
  permits.tryTake();
  expect([permits.rate, inner.rate, permits.delayMs(2)]).toEqual([4, 4, 500]);
});

test("a closed limit calls no waiter, whatever ends afterwards", async () => {
  const { clock, permits } = bounded(2);
  permits.tryTake();
  permits.tryTake();
  const waiter = vi.fn();
  permits.whenAvailable(waiter);
  permits.close();
  permits.release();
  permits.refund();
  await clock.advance(60_000);
  expect(waiter).not.toHaveBeenCalled();
  expect(permits.inFlight).toBe(0);
  expect(clock.pending).toBe(0);
});

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: "take" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "release" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "refund" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "wait" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "leave" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pause" as const), ms: fc.nat(400) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("rate" as const),
      perSecond: fc.integer({ min: 1, max: 100 }),
    }),
  },
);

test("no sequence breaks the bound, loses or adds a permit, or leaves a waiter beside a free place and a permit", async () => {
  let freed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { minLength: 5, maxLength: 60 }),
      async (most, burst, steps) => {
        const { clock, inner, permits } = bounded(most, 20, burst);
        let isWaiting = false;
        let mine = 0;
        let spent = 0;
        for (const next of steps) {
          switch (next.kind) {
            case "take": {
              const isDue = mine < most && inner.delayMs(1) === 0;
              expect(permits.tryTake()).toBe(isDue);
              if (isDue) {
                mine += 1;
                spent += 1;
              }
              break;
            }
            case "release":
            case "refund":
              if (mine === 0) break;
              permits[next.kind]();
              mine -= 1;
              if (next.kind === "refund") spent -= 1;
              break;
            case "wait":
              isWaiting = true;
              permits.whenAvailable(() => {
                expect(isWaiting).toBe(true);
                isWaiting = false;
              });
              expect(isWaiting).toBe(true);
              break;
            case "leave":
              isWaiting = false;
              permits.whenAvailable(undefined);
              break;
            case "advance":
              await clock.advance(next.ms);
              break;
            case "pause": {
              const isNew = clock.now() + next.ms > permits.pausedUntil;
              permits.pauseUntil(clock.now() + next.ms);
              if (isNew) expect(isWaiting).toBe(false);
              break;
            }
            case "rate":
              permits.setRate(next.perSecond);
              break;
          }
          expect(permits.inFlight).toBe(mine);
          expect(permits.inFlight).toBeGreaterThanOrEqual(0);
          expect(permits.inFlight).toBeLessThanOrEqual(most);
          expect(inner.spent).toBe(spent);
          if (isWaiting && mine < most && inner.delayMs(1) === 0) {
            // The timer of a fraction may be up to a millisecond late.
            await clock.advance(1);
            expect(isWaiting).toBe(false);
            freed += 1;
          }
        }
      },
    ),
    { numRuns: 200 },
  );
  // The runs really tested the invariant.
  expect(freed).toBeGreaterThan(20);
}, 60_000);

test("a freed place can be taken a turn of the event loop later, as its connection can", () => {
  const turns: (() => void)[] = [];
  const clock = createDrivenClock();
  const permits = createConcurrencyLimit(
    createDrivenPermits(clock, 1_000, 1_000),
    2,
    clock,
    (callback) => {
      turns.push(callback);
    },
  );
  let called = 0;
  permits.tryTake();
  permits.tryTake();
  permits.release();
  permits.release();
  expect([permits.inFlight, permits.tryTake(), turns.length]).toEqual([0, false, 1]);
  permits.whenAvailable(() => {
    called += 1;
  });
  turns[0]?.();
  expect(permits.tryTake()).toBe(true);
  expect(turns).toHaveLength(1);
});
