import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CallEnded } from "../../../src/platform/call-signal.ts";
import {
  CallLifetime,
  type CallSignal,
  type CallSignalListener,
} from "../../../src/platform/call-signal.ts";

const end = new CallEnded("cancelled");

describe("the signal of a call", () => {
  test("a new CallLifetime is not aborted and has no reason", () => {
    const lifetime = new CallLifetime();
    expect(lifetime.aborted).toBe(false);
    expect(lifetime.reason).toBeUndefined();
  });

  test("a CallLifetime keeps the reason of its first end", () => {
    const lifetime = new CallLifetime();
    lifetime.end(end);
    lifetime.end(new CallEnded("deadline"));
    expect(lifetime.aborted).toBe(true);
    expect(lifetime.reason).toBe(end);
  });

  test("a listener sees that the signal is aborted, and its reason", () => {
    const lifetime = new CallLifetime();
    const seen: unknown[] = [];
    lifetime.addEventListener("abort", () => seen.push(lifetime.aborted, lifetime.reason));
    lifetime.end(end);
    expect(seen).toEqual([true, end]);
  });

  test("a listener that is an object gets handleEvent called on it, once", () => {
    const lifetime = new CallLifetime();
    const listener = {
      called: 0,
      handleEvent() {
        this.called += 1;
      },
    };
    lifetime.addEventListener("abort", listener);
    lifetime.end(end);
    lifetime.end(end);
    expect(listener.called).toBe(1);
  });

  test("a listener that throws does not keep the next ones from being called, and its error goes to onFault", () => {
    const lifetime = new CallLifetime();
    const called: string[] = [];
    const faults: unknown[] = [];
    const fault = new Error("broken");
    lifetime.addEventListener("abort", () => {
      throw fault;
    });
    lifetime.addEventListener("abort", () => called.push("after"));
    lifetime.end(end, (error) => faults.push(error));
    expect(called).toEqual(["after"]);
    expect(faults).toEqual([fault]);
  });

  test("an error that a listener throws is an uncaught exception if there is no onFault", async () => {
    const lifetime = new CallLifetime();
    const fault = new Error("broken");
    lifetime.addEventListener("abort", () => {
      throw fault;
    });
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    try {
      const raised = new Promise((resolve) => process.once("uncaughtException", resolve));
      lifetime.end(end);
      expect(await raised).toBe(fault);
    } finally {
      for (const listener of before) process.on("uncaughtException", listener);
    }
  });
});

/** An operation on a signal. `listener` is the number of a listener. */
type Step = { readonly kind: "add" | "remove" | "end"; readonly listener: number };

const listenerCount = 4;
const stepOf = (...kinds: readonly Step["kind"][]): fc.Arbitrary<Step> =>
  fc.record({ kind: fc.constantFrom(...kinds), listener: fc.nat(listenerCount - 1) });

/**
 * Runs the steps and records which listeners are called, in order. A listener runs its own steps
 * when it is called.
 */
function follow(
  signal: CallSignal,
  endIt: (reason: unknown) => void,
  steps: readonly Step[],
  whenCalled: readonly (readonly Step[])[],
): readonly string[] {
  const called: string[] = [];
  const take = ({ kind, listener }: Step): void => {
    const who = listeners[listener];
    if (who === undefined) return;
    if (kind === "end") endIt(listener);
    else if (kind === "add") signal.addEventListener("abort", who, { once: true });
    else signal.removeEventListener("abort", who);
  };
  const listeners = whenCalled.map((own, n): CallSignalListener => {
    const listener = (): void => {
      called.push(`${n} for ${String(signal.reason)}`);
      for (const step of own) take(step);
    };
    return n % 2 === 0 ? listener : { handleEvent: listener };
  });
  for (const step of steps) take(step);
  return [...called, `${signal.aborted} ${String(signal.reason)}`];
}

test("a listener that is added while others are called is not called", () => {
  const lifetime = new CallLifetime();
  const called: string[] = [];
  const late = (): void => void called.push("late");
  lifetime.addEventListener("abort", () => {
    called.push("first");
    lifetime.addEventListener("abort", late);
  });
  lifetime.end(end);
  lifetime.addEventListener("abort", late);
  expect(called).toEqual(["first"]);
});

test("a CallLifetime calls the same listeners as an AbortSignal, in any order of adding, removing and ending", () => {
  const steps = fc.array(stepOf("add", "add", "remove", "end"), { maxLength: 12 });
  // Called listeners add none: Node calls such listeners too, which the DOM standard does not
  // specify.
  const whenCalled = fc.array(fc.array(stepOf("remove", "end"), { maxLength: 3 }), {
    minLength: listenerCount,
    maxLength: listenerCount,
  });
  fc.assert(
    fc.property(steps, whenCalled, (outer, inner) => {
      const lifetime = new CallLifetime();
      const controller = new AbortController();
      const ours = follow(lifetime, (reason) => lifetime.end(reason), outer, inner);
      const theirs = follow(controller.signal, (reason) => controller.abort(reason), outer, inner);
      expect(ours).toEqual(theirs);
    }),
    { numRuns: 2_000 },
  );
});
