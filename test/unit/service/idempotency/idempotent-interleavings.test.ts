/**
 * The invariants of request IDs, in every order of events: a change is made again only if it was
 * certainly not made, and an ID whose change was certainly not made can be used again. The store is
 * behind a network that loses and delays messages, and processes die.
 */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CallEnded } from "../../../../src/platform/call-signal.ts";
import { createMemoryStore } from "../../../../src/idempotency-store/memory-store.ts";
import { createRetryingStore } from "../../../../src/idempotency-store/retrying-store.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { requestScope } from "../../../../src/service/idempotency/key-scope.ts";
import {
  createIdempotent,
  type Idempotent,
} from "../../../../src/service/idempotency/idempotent.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { callContext } from "../../../support/call-context.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { rejected } from "../fake-key-protect.ts";
import {
  createFaultyStore,
  type Fate,
  fates,
  type FaultyStore,
  type Operation,
  operations,
} from "./faulty-store.ts";

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
  | {
      readonly kind: "network";
      readonly process: number;
      readonly operations: readonly Operation[];
      readonly fate: Fate;
      readonly ms: number;
    }
  | { readonly kind: "kill"; readonly process: number };

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
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("network" as const),
      process: fc.nat(1),
      operations: fc.subarray([...operations], { minLength: 1 }),
      fate: fc.constantFrom(...fates),
      ms: fc.integer({ min: 1, max: 3_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("kill" as const), process: fc.nat(1) }),
  },
);

interface Execution {
  readonly id: number;
  readonly keyId: string;
  readonly process: Process;
  /** Whether Key Protect has, or may have, made the change. */
  mayHaveHappened: boolean;
  /** Whether the process was told that the change was made. */
  isMade: boolean;
  isOver: boolean;
  readonly attempts: () => number;
  readonly resolve: (keyId: string) => void;
  readonly reject: (error: unknown) => void;
}

interface Process {
  readonly network: FaultyStore;
  readonly idempotent: Idempotent;
}

interface Answer {
  readonly kind: "made" | "replay" | "failed";
  readonly keyId: string;
  readonly reason: string;
}

interface Call {
  readonly id: number;
  readonly process: Process;
  /** Absent until then, and for good if its process died before. */
  answer?: Answer;
}

interface Run {
  readonly executions: readonly Execution[];
  readonly calls: readonly Call[];
  /** By ID, the answer of the third process, to which it is the last call. */
  readonly last: readonly (Answer | undefined)[];
  /** IDs with a record that a process confirmed and, being dead, will never complete. */
  readonly orphaned: ReadonlySet<number>;
}

const requestIdOf = (id: number): string => `00000000-0000-4000-8000-00000000000${id}`;

/**
 * Runs the steps with two processes that share one store. Afterwards everything works again, and a
 * third process repeats both requests.
 */
async function run(steps: readonly Step[]): Promise<Run> {
  const clock = createDrivenClock();
  const executions: Execution[] = [];
  const calls: Call[] = [];
  const callers: AbortController[] = [];
  const networks: FaultyStore[] = [];
  const kept = createMemoryStore({ clock, keepMs: 86_400_000 });

  function startProcess(): Process {
    const network = createFaultyStore(kept, clock);
    networks.push(network);
    const logger = { info: () => {}, warn: () => {} };
    const store = createRetryingStore({ store: network.store, clock, logger, keepMs: 86_400_000 });
    const idempotent = createIdempotent({
      store,
      clock,
      isTokenPassedThrough: () => false,
      readWithToken: async () => expect.fail("no token has to be proven"),
      instanceIdOf: ({ instance }) => instance,
    });
    return { network, idempotent };
  }
  const processes = [startProcess(), startProcess()];

  function ask(id: number, process: Process, isSlow: boolean): Call {
    const controller = new AbortController();
    callers.push(controller);
    const asked: Call = { id, process };
    calls.push(asked);
    const context = callContext("CreateKey", {
      signal: controller.signal,
      deadline: clock.now() + 30_000,
      attemptLog: { attempts: 0, httpStatus: undefined },
    });
    const answer = (one: Answer): void => {
      if (!process.network.isDead) asked.answer = one;
    };
    process
      .idempotent(context, {
        requestId: requestIdOf(id),
        fields: [],
        material: undefined,
        make: (call) =>
          new Promise<string>((resolve, reject) => {
            const execution: Execution = {
              id,
              keyId: `key ${executions.length}`,
              process,
              mayHaveHappened: true,
              isMade: false,
              isOver: false,
              attempts: () => call.attemptLog.attempts,
              resolve,
              reject,
            };
            executions.push(execution);
            const cancel = (): void => {
              if (execution.isOver) return;
              const sent = call.attemptLog.attempts > 0;
              execution.mayHaveHappened = sent;
              execution.isOver = true;
              reject(new UpstreamError("CANCELLED", "ended", { sent }));
            };
            if (call.signal.aborted) return cancel();
            // A slow execution waits in the queue and has sent nothing yet.
            if (!isSlow) call.attemptLog.attempts += 1;
            call.signal.addEventListener("abort", cancel);
          }),
        keyIdOf: (keyId) => keyId,
      })
      .then(
        (executed) =>
          answer(
            executed.kind === "made"
              ? { kind: "made", keyId: executed.made, reason: "" }
              : { kind: "replay", keyId: executed.keyId, reason: "" },
          ),
        (error: unknown) =>
          answer({
            kind: "failed",
            keyId: "",
            reason: error instanceof StatusError ? error.reason : "",
          }),
      );
    return asked;
  }

  function end(execution: Execution, outcome: Outcome): void {
    if (execution.isOver) return;
    execution.isOver = true;
    execution.mayHaveHappened = outcome !== "refused" && outcome !== "not sent";
    execution.isMade = outcome === "made";
    if (outcome === "refused") execution.reject(rejected(409));
    else if (outcome === "not sent") execution.reject(new UpstreamError("UNREACHABLE", "refused"));
    else if (outcome === "lost")
      execution.reject(new UpstreamError("RESET", "reset", { sent: true }));
    else execution.resolve(execution.keyId);
  }

  /** Ends a process at once, with all that it does, and starts it again. */
  function kill(at: number): void {
    const process = processes[at] ?? expect.fail();
    process.network.kill();
    for (const execution of executions) {
      if (execution.process !== process || execution.isOver) continue;
      execution.isOver = true;
      execution.mayHaveHappened = execution.attempts() > 0;
    }
    processes[at] = startProcess();
  }

  for (const one of steps) {
    if (one.kind === "ask") ask(one.id, processes[one.process] ?? expect.fail(), one.isSlow);
    if (one.kind === "wait") await clock.advance(one.ms);
    if (one.kind === "kill") kill(one.process);
    if (one.kind === "network") {
      for (const operation of one.operations) {
        processes[one.process]?.network.set(operation, one.fate, one.ms);
      }
    }
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
  for (const { network } of processes) {
    for (const operation of operations) network.set(operation, "works", 0);
  }
  for (const controller of callers) controller.abort(new CallEnded("deadline"));
  await clock.advance(60_000);
  const orphans = new Set(
    networks.filter(({ isDead }) => isDead).flatMap(({ confirmed }) => [...confirmed]),
  );
  const orphaned = new Set<number>();
  const last: (Answer | undefined)[] = [];
  const third = startProcess();
  for (const id of [0, 1]) {
    const scope = requestScope(callContext("CreateKey"), requestIdOf(id), false, "default");
    const { name } = await kept.identify({
      scope: scope ?? expect.fail(),
      fields: [],
      material: undefined,
    });
    if (orphans.has(name)) orphaned.add(id);
    const asked = ask(id, third, false);
    await clock.advance(0);
    for (const execution of executions) end(execution, "made");
    await clock.advance(0);
    last.push(asked.answer);
  }
  return { executions, calls, last, orphaned };
}

test("in every interleaving a change is made again only if it was certainly not made, and an ID whose change was certainly not made is never lost", async () => {
  let replays = 0;
  let repeats = 0;
  let freed = 0;
  let found = 0;
  let orphans = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
      async (steps) => {
        const { executions, calls, last, orphaned } = await run(steps);
        const living = calls.filter(({ process }) => !process.network.isDead);
        expect(living.filter(({ answer }) => answer === undefined)).toEqual([]);
        for (const id of [0, 1]) {
          const own = executions.filter((execution) => execution.id === id);
          const possible = own.filter(({ mayHaveHappened }) => mayHaveHappened);
          // All executions but the last certainly did not happen.
          expect(own.slice(0, -1).filter((one) => possible.includes(one))).toEqual([]);
          const answers = calls.flatMap((call) =>
            call.id === id && call.answer !== undefined ? [call.answer] : [],
          );
          const results = answers.filter(({ kind }) => kind !== "failed");
          expect(new Set(results.map(({ keyId }) => keyId)).size).toBeLessThanOrEqual(1);
          expect(results.filter(({ kind }) => kind === "made").length).toBeLessThanOrEqual(1);
          replays += results.filter(({ kind }) => kind === "replay").length;
          repeats += Math.max(own.length - 1, 0);
          const [made] = own.filter(({ isMade }) => isMade);
          if (orphaned.has(id)) orphans += 1;
          else if (made === undefined) {
            expect(possible).toHaveLength(1);
            expect(last[id]).toMatchObject({ kind: "failed", reason: "OUTCOME_UNKNOWN" });
          } else {
            // The third process makes the change if no process may have made it before.
            const isFree = made === own.at(-1) && made.process === calls.at(-1)?.process;
            expect(last[id]).toEqual({
              kind: isFree ? "made" : "replay",
              keyId: made.keyId,
              reason: "",
            });
            if (isFree) freed += 1;
            else found += 1;
          }
        }
      },
    ),
    { numRuns: 300 },
  );
  // The runs contained what the invariants are about.
  expect(replays).toBeGreaterThan(50);
  expect(repeats).toBeGreaterThan(50);
  expect(freed).toBeGreaterThan(50);
  expect(found).toBeGreaterThan(50);
  // Most IDs do not depend on a dead process.
  expect(orphans).toBeLessThan(freed + found);
}, 60_000);
