/**
 * The invariant of request IDs: in every order of events, a change is made again only if it was
 * certainly not made.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CallEnded } from "../../../../src/platform/call-signal.ts";
import { createMemoryStore } from "../../../../src/idempotency-store/memory-store.ts";
import { StoreError } from "../../../../src/idempotency-store/store-error.ts";
import type { IdempotencyStore } from "../../../../src/idempotency-store/store.ts";
import { createIdempotent } from "../../../../src/service/idempotency/idempotent.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { rejected } from "../fake-key-protect.ts";

const outcomes = ["made", "refused", "not sent", "lost"] as const;
type Outcome = (typeof outcomes)[number];

type Step =
  | {
      readonly kind: "ask";
      readonly id: number;
      readonly process: number;
      readonly isSlow: boolean;
    }
  | { readonly kind: "end"; readonly at: number; readonly outcome: Outcome }
  | {
      readonly kind: "cancel";
      readonly at: number;
      readonly end: "cancelled" | "deadline" | "shutdown";
    }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "store"; readonly isAway: boolean };

const index = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      id: fc.nat(1),
      process: fc.nat(1),
      isSlow: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      at: index,
      outcome: fc.constantFrom(...outcomes),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("cancel" as const),
      at: index,
      end: fc.constantFrom("cancelled" as const, "deadline" as const, "shutdown" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.integer({ min: 1, max: 8_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("store" as const), isAway: fc.boolean() }),
  },
);

interface Execution {
  readonly id: number;
  readonly keyId: string;
  /** Whether Key Protect has, or may have, made the change. */
  mayHaveHappened: boolean;
  isOver: boolean;
  readonly resolve: (keyId: string) => void;
  readonly reject: (error: unknown) => void;
}

interface Ended {
  readonly id: number;
  readonly kind: "made" | "replay" | "failed";
  readonly keyId: string;
}

/**
 * Runs the steps with two processes that share one store. Returns the executions and the answers.
 */
async function run(
  steps: readonly Step[],
): Promise<{ executions: Execution[]; ended: Ended[]; asked: number }> {
  const clock = createDrivenClock();
  const executions: Execution[] = [];
  const ended: Ended[] = [];
  const callers: AbortController[] = [];
  let isAway = false;
  const kept = createMemoryStore({ clock, keepMs: 86_400_000 });
  const unlessAway = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isAway) throw new StoreError("AWAY", "away");
    return work();
  };
  const store: IdempotencyStore = {
    identify: (parts) => kept.identify(parts),
    begin: (...args) => unlessAway(() => kept.begin(...args)),
    complete: (...args) => unlessAway(() => kept.complete(...args)),
  };
  const processes = [0, 1].map(() =>
    createIdempotent({
      store,
      clock,
      isTokenPassedThrough: () => false,
      instanceIdOf: ({ instance }) => instance,
    }),
  );

  function ask(id: number, process: number, isSlow: boolean): void {
    const controller = new AbortController();
    callers.push(controller);
    const context = callContext("CreateKey", {
      signal: controller.signal,
      deadline: clock.now() + 30_000,
      attemptLog: { attempts: 0, httpStatus: undefined },
    });
    const idempotent = processes[process] ?? expect.fail();
    idempotent(context, {
      requestId: `00000000-0000-4000-8000-00000000000${id}`,
      fields: [],
      material: undefined,
      make: (call) =>
        new Promise<string>((resolve, reject) => {
          const execution: Execution = {
            id,
            keyId: `key ${executions.length}`,
            mayHaveHappened: true,
            isOver: false,
            resolve,
            reject,
          };
          executions.push(execution);
          // A slow execution waits in the queue and has sent nothing yet.
          if (!isSlow) call.attemptLog.attempts += 1;
          call.signal.addEventListener("abort", () => {
            execution.mayHaveHappened = call.attemptLog.attempts > 0;
            execution.isOver = true;
            reject(new UpstreamError("CANCELLED", "ended", { sent: call.attemptLog.attempts > 0 }));
          });
        }),
      keyIdOf: (keyId) => keyId,
    }).then(
      (executed) =>
        ended.push(
          executed.kind === "made"
            ? { id, kind: "made", keyId: executed.made }
            : { id, kind: "replay", keyId: executed.keyId },
        ),
      () => ended.push({ id, kind: "failed", keyId: "" }),
    );
  }

  function end(execution: Execution, outcome: Outcome): void {
    if (execution.isOver) return;
    execution.isOver = true;
    execution.mayHaveHappened = outcome !== "refused" && outcome !== "not sent";
    if (outcome === "refused") execution.reject(rejected(409));
    else if (outcome === "not sent") execution.reject(new UpstreamError("UNREACHABLE", "refused"));
    else if (outcome === "lost")
      execution.reject(new UpstreamError("RESET", "reset", { sent: true }));
    else execution.resolve(execution.keyId);
  }

  for (const one of steps) {
    if (one.kind === "ask") ask(one.id, one.process, one.isSlow);
    if (one.kind === "wait") await clock.advance(one.ms);
    if (one.kind === "store") ({ isAway } = one);
    if (one.kind === "cancel" && callers.length > 0) {
      callers[one.at % callers.length]?.abort(new CallEnded(one.end));
    }
    if (one.kind === "end" && executions.length > 0) {
      const running = executions.filter(({ isOver }) => !isOver);
      const execution = running[one.at % running.length];
      if (execution !== undefined) end(execution, one.outcome);
    }
    await clock.advance(0);
  }
  // All callers give up in the end, so that no call may stay unanswered.
  isAway = false;
  for (const controller of callers) controller.abort(new CallEnded("deadline"));
  await clock.advance(60_000);
  return { executions, ended, asked: callers.length };
}

test("in every interleaving a change is made again only if it was certainly not made, and all callers get the same key", async () => {
  let replays = 0;
  let repeats = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
      async (steps) => {
        const { executions, ended, asked } = await run(steps);
        expect(ended).toHaveLength(asked);
        for (const id of [0, 1]) {
          const own = executions.filter((execution) => execution.id === id);
          // All executions but the last certainly did not happen.
          expect(own.slice(0, -1).filter(({ mayHaveHappened }) => mayHaveHappened)).toEqual([]);
          const results = ended.filter((one) => one.id === id && one.kind !== "failed");
          expect(new Set(results.map(({ keyId }) => keyId)).size).toBeLessThanOrEqual(1);
          expect(results.filter(({ kind }) => kind === "made").length).toBeLessThanOrEqual(1);
          replays += results.filter(({ kind }) => kind === "replay").length;
          repeats += Math.max(own.length - 1, 0);
        }
      },
    ),
    { numRuns: 300 },
  );
  // The runs contained replays and repeated executions.
  expect(replays).toBeGreaterThan(50);
  expect(repeats).toBeGreaterThan(50);
}, 60_000);
