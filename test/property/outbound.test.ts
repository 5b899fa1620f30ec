/** Invariants of the whole outbound pipeline under random arrivals, faults and cancellations. */
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi, inject } from "vitest";
import type { Dispatch } from "../../src/upstream/transport/pool.ts";
import { schedule, type Schedule } from "./outbound-plan.ts";
import { runSchedule, type CallRun, type ScheduleRun } from "./outbound-run.ts";

const schedules = inject("schedules");

/** The network behind the pipeline, and the counts of its permits. */
const seams = vi.hoisted(() => {
  const network: { current: Dispatch | undefined } = { current: undefined };
  const dispatch: Dispatch["dispatch"] = (request, handler) =>
    network.current?.dispatch(request, handler) ?? false;
  return { network, dispatch, permits: { spent: 0, refunded: 0, released: 0 } };
});

vi.mock(import("../../src/upstream/transport/pool.ts"), async (importOriginal) => ({
  ...(await importOriginal()),
  createPool: () => ({
    dispatch: seams.dispatch,
    fresh: { dispatch: seams.dispatch },
    connected: 0,
    queued: 0,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
}));
// The real permits, counted.
vi.mock(
  import("../../src/upstream/rate-limit/permits/concurrency-limit.ts"),
  async (importOriginal) => {
    const original = await importOriginal();
    return {
      ...original,
      createConcurrencyLimit: (permits, most, clock) => {
        const bounded = original.createConcurrencyLimit(permits, most, clock);
        const counted: typeof bounded = {
          ...bounded,
          // These are getters, because a spread would copy the values of this moment.
          get rate() {
            return bounded.rate;
          },
          get pausedUntil() {
            return bounded.pausedUntil;
          },
          get inFlight() {
            return bounded.inFlight;
          },
          tryTake() {
            const isTaken = bounded.tryTake();
            if (isTaken) seams.permits.spent += 1;
            return isTaken;
          },
          refund() {
            seams.permits.refunded += 1;
            bounded.refund();
          },
          release() {
            seams.permits.released += 1;
            bounded.release();
          },
        };
        return counted;
      },
    };
  },
);

beforeEach(() => {
  // Opossum and Bottleneck use these timers too.
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The text of a call in a counterexample. */
const tell = ({ outcome, planned, written, executed, settledAt, call }: CallRun): string =>
  JSON.stringify({ outcome, lateMs: settledAt - call.deadline, written, executed, ...planned });

function checkCall(run: CallRun): void {
  const { planned, call, outcome, error } = run;
  expect(run.settlements, tell(run)).toBe(1);
  expect(run.settledAt, tell(run)).toBeLessThanOrEqual(call.deadline + 20);
  if (run.cancelledAt !== undefined) expect(run.settledAt, tell(run)).toBe(run.cancelledAt);
  expect(outcome, tell(run)).not.toMatch(/^defect/);
  if (planned.retry === "unsafe") expect(run.executed, tell(run)).toBeLessThanOrEqual(1);
  // A caller that learns that nothing was executed may repeat the call.
  if (error?.sent === false) expect(run.executed, tell(run)).toBe(0);
  // So does one that gets Key Protect's own 429, in contrast to a proxy's.
  if (planned.retry === "unsafe" && outcome === "429" && run.isOwn) {
    expect(run.executed, tell(run)).toBe(0);
  }
  expect(run.throttled, tell(run)).toBeLessThanOrEqual(3);
  // The limit is three attempts, two more after 429s, and one with a new token.
  expect(call.attemptLog.attempts, tell(run)).toBeLessThanOrEqual(6);
}

/** Checks at the end that permits, places and queue add up. */
function checkAccount({ network, upstream }: ScheduleRun, plan: Schedule): void {
  const { rateLimit } = upstream;
  if (rateLimit === undefined) return;
  const { spent, refunded, released } = seams.permits;
  expect(refunded + released).toBe(spent);
  // A caller that leaves its probe does not learn whether it was written; its permit counts as
  // used.
  const unused = spent - refunded - network.written;
  expect(unused).toBeGreaterThanOrEqual(0);
  expect(unused).toBeLessThanOrEqual(network.unwrittenAfterEnd);
  expect(network.mostUnderWay).toBeLessThanOrEqual(plan.connections);
  expect({ queued: rateLimit.scheduler.queued, callers: rateLimit.scheduler.callers }).toEqual({
    queued: 0,
    callers: 0,
  });
}

const often =
  `200 429 500 503 CANCELLED DEADLINE DEADLINE_IN_QUEUE DEADLINE_TOO_SHORT ATTEMPT_TIMEOUT RESET
  UNREACHABLE BAD_RESPONSE CIRCUIT_OPEN IAM_UNAVAILABLE openings`.split(/\s+/);

test("every outbound call settles once and in time, uses each permit once, and is not executed more often than allowed", async () => {
  const seen = new Map<string, number>();
  const count = (what: string, more = 1): void => {
    seen.set(what, (seen.get(what) ?? 0) + more);
  };
  await fc.assert(
    fc.asyncProperty(schedule, async (plan) => {
      Object.assign(seams.permits, { spent: 0, refunded: 0, released: 0 });
      const run = await runSchedule(plan, (network) => {
        seams.network.current = network;
      });
      expect(run.breaches).toEqual([]);
      for (const call of run.calls) {
        checkCall(call);
        count(call.outcome);
      }
      checkAccount(run, plan);
      expect(vi.getTimerCount()).toBe(0);
      count("openings", run.openings);
    }),
    { numRuns: schedules },
  );
  // Only the thorough suite tries enough schedules to reach every way out of the pipeline often.
  if (schedules < 10_000) return;
  for (const outcome of often) {
    expect(seen.get(outcome) ?? 0, outcome).toBeGreaterThan(100);
  }
}, 300_000);
