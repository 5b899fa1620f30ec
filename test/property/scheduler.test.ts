import * as fc from "fast-check";
import { expect, test, inject } from "vitest";
import { UpstreamError } from "../../src/upstream/error.ts";
import type { ShedReason } from "../../src/upstream/rate-limit/queue/rejections.ts";
import {
  createQueue,
  type Queue,
  type QueuedCall,
} from "../unit/upstream/rate-limit/queue/driven-queue.ts";

const schedules = inject("schedules");

const classes = ["interactive", "management", "bulk"] as const;
const endings = ["cancelled", "deadline", "shutdown"] as const;

const outcomes = [
  "granted",
  "CANCELLED",
  "SHUTDOWN",
  "CIRCUIT_OPEN",
  "DEADLINE_IN_QUEUE",
  "DEADLINE_TOO_SHORT",
  "OVERLOADED",
  "CALLER_LIMIT",
];

const reasons: readonly ShedReason[] = [
  "CANCELLED",
  "SHUTDOWN",
  "FLUSHED",
  "DEADLINE_IN_QUEUE",
  "DEADLINE_TOO_SHORT",
  "OVERLOADED",
  "EVICTED",
  "CALLER_LIMIT",
];

const arrival = fc.record({
  kind: fc.constant("arrive" as const),
  caller: fc.constantFrom("a", "b", "c", "d"),
  priority: fc.constantFrom(...classes),
  withinMs: fc.constantFrom(10, 60, 200, 500, 2_000),
});
const picked = <K extends string>(kind: K) =>
  fc.record({ kind: fc.constant(kind), pick: fc.nat() });
const step = fc.oneof(
  { weight: 12, arbitrary: arrival },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(120) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      pick: fc.nat(),
      how: fc.constantFrom(...endings),
    }),
  },
  { weight: 2, arbitrary: picked("refund") },
  { weight: 2, arbitrary: picked("comeBack") },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("rate" as const),
      rate: fc.constantFrom(5, 20, 50, 200),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("pause" as const),
      ms: fc.integer({ min: 1, max: 600 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "flush" as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The counts that the calls keep themselves, for comparison with the scheduler's reports. */
interface Account {
  readonly calls: QueuedCall[];
  granted: number;
  refunded: number;
  readonly ended: Map<QueuedCall, number>;
}

const waiting = ({ calls }: Account): QueuedCall[] =>
  calls.filter(({ outcome }) => outcome === "waiting");

async function take(queue: Queue, account: Account, taken: Step): Promise<void> {
  const { calls } = account;
  switch (taken.kind) {
    case "arrive":
      calls.push(queue.arrive(taken));
      return;
    case "pass":
      await queue.clock.advance(taken.ms);
      return;
    case "end": {
      const open = waiting(account);
      const call = open[taken.pick % Math.max(1, open.length)];
      if (call === undefined) return;
      account.ended.set(call, queue.clock.now());
      call.end(taken.how);
      return;
    }
    case "refund": {
      if (queue.permits.spent === 0) return;
      account.refunded += 1;
      queue.permits.refund();
      return;
    }
    case "comeBack": {
      const granted = calls.filter(
        ({ outcome, arrivals, call }) =>
          outcome === "granted" && arrivals < 3 && queue.clock.now() < call.deadline,
      );
      const call = granted[taken.pick % Math.max(1, granted.length)];
      if (call !== undefined && !account.ended.has(call)) queue.comeBack(call);
      return;
    }
    case "rate":
      queue.permits.setRate(taken.rate);
      return;
    case "pause":
      queue.permits.pauseUntil(queue.clock.now() + taken.ms);
      return;
    case "flush":
      queue.scheduler.flush(() => new UpstreamError("CIRCUIT_OPEN", "open"));
      return;
  }
}

/** Compares the scheduler's counters with the calls that have no outcome yet. */
function compare({ scheduler, permits }: Queue, account: Account): void {
  const open = waiting(account);
  const reported = {
    queued: scheduler.queued,
    callers: scheduler.callers,
    byClass: classes.map((priority) => scheduler.queuedBy(priority)),
    isAwaited: permits.isAwaited,
  };
  expect(reported).toEqual({
    queued: open.length,
    callers: new Set(open.map(({ caller }) => caller)).size,
    byClass: classes.map((priority) => open.filter((call) => call.priority === priority).length),
    isAwaited: open.length > 0,
  });
}

test("a call in the scheduler settles once and in time, and spends no permit that it did not get, in every schedule", async () => {
  const seen = new Map<string, number>();
  const reportedSheds = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(5, 20, 100),
      fc.integer({ min: 1, max: 5 }),
      fc.array(step, { minLength: 6, maxLength: 40 }),
      async (rate, burst, steps) => {
        const queue = createQueue(rate, {
          burst,
          bounds: { calls: 4, workMs: 60_000, callerPercent: 50 },
        });
        const account: Account = { calls: [], granted: 0, refunded: 0, ended: new Map() };
        for (const taken of steps) {
          await take(queue, account, taken);
          // Promises settle in microtasks, without advancing the clock.
          for (let turn = 0; turn < 3; turn++) await Promise.resolve();
          compare(queue, account);
        }
        await queue.clock.advance(2_000);
        compare(queue, account);

        expect(waiting(account)).toEqual([]);
        for (const call of account.calls) {
          expect(call.settledAt).toBeLessThanOrEqual(call.call.deadline);
          const endedAt = account.ended.get(call);
          if (endedAt !== undefined) {
            expect(call.settledAt).toBe(endedAt);
            expect(call.outcome).toMatch(/^(CANCELLED|DEADLINE_IN_QUEUE|SHUTDOWN)$/);
          }
          if (call.outcome === "granted") {
            expect(call.settledAt).toBeLessThanOrEqual(call.call.deadline - 5);
          }
          expect(call.grants + call.refusals).toBe(call.arrivals);
          expect(call.refusals).toBeLessThanOrEqual(1);
          account.granted += call.grants;
          seen.set(call.outcome, (seen.get(call.outcome) ?? 0) + 1);
        }
        expect(queue.permits.spent).toBe(account.granted - account.refunded);
        // The scheduler reports every arrival exactly once.
        const refused = account.calls.reduce((sum, { refusals }) => sum + refusals, 0);
        expect([queue.granted.length, queue.shed.length]).toEqual([account.granted, refused]);
        for (const { reason } of queue.shed)
          reportedSheds.set(reason, (reportedSheds.get(reason) ?? 0) + 1);
        queue.permits.close();
        await queue.clock.advance(0);
        expect(queue.clock.pending).toBe(0);
      },
    ),
    { numRuns: schedules },
  );
  // Only the thorough suite tries enough schedules to reach every way out of the queue often.
  if (schedules < 10_000) return;
  for (const outcome of outcomes) expect(seen.get(outcome) ?? 0, outcome).toBeGreaterThan(100);
  for (const reason of reasons) expect(reportedSheds.get(reason) ?? 0, reason).toBeGreaterThan(100);
}, 120_000);
