/**
 * Random streams: items that succeed, fail and take long, answers that are taken late, and a stream
 * that its caller ends or cancels, or that the gateway drains or cuts off, at any moment.
 */
import * as fc from "fast-check";
import { expect, inject, test } from "vitest";
import type { CallContext } from "../../src/grpc/call/call-context.ts";
import { StatusError } from "../../src/grpc/status/status-error.ts";
import type { StreamClosing } from "../../src/grpc/status/stream-status.ts";
import { CallEnded, CallLifetime } from "../../src/platform/call-signal.ts";
import { ItemStream, type StreamAnswer } from "../../src/service/items/item-stream.ts";
import { toStatusError } from "../../src/service/errors/to-status-error.ts";
import { UpstreamError } from "../../src/upstream/error.ts";
import { callContext } from "../support/call-context.ts";
import { createDrivenClock } from "../support/driven-clock.ts";
import { fakeKeyProtect, keyId } from "../unit/service/fake-key-protect.ts";

const schedules = inject("schedules");

/** The outcome of one item, and its times. */
interface Plan {
  readonly outcome: "OK" | "UPSTREAM_INTERNAL" | "CIRCUIT_OPEN";
  readonly serviceMs: number;
  /** Time until the connection takes the answer. */
  readonly takenMs: number;
}

type End = "half-close" | "drain" | "cancelled" | "deadline" | "shutdown";

const plans = fc.array(
  fc.record<Plan>({
    outcome: fc.constantFrom("OK", "OK", "OK", "UPSTREAM_INTERNAL", "CIRCUIT_OPEN"),
    serviceMs: fc.integer({ min: 0, max: 400 }),
    takenMs: fc.constantFrom(0, 0, 0, 5, 300),
  }),
  { maxLength: 100, size: "max" },
);

const ignore = (): void => {};

/** Runs one stream. Returns what was read, written and taken. */
async function runStream(items: readonly Plan[], isInOrder: boolean, end: End, endsAtMs: number) {
  const clock = createDrivenClock();
  const lifetime = new CallLifetime();
  const context: CallContext = callContext("RewrapStream", {
    signal: lifetime,
    deadline: 1_000_000,
    attemptLog: { attempts: 0, httpStatus: undefined },
  });
  const written: StreamAnswer<number>[] = [];
  const taken: number[] = [];
  let isFirst = true;
  let read = 0;
  let mostHeld = 0;
  let closing: StreamClosing | undefined;
  let wake = ignore;
  const messages = {
    get closing() {
      return closing;
    },
    close(why: StreamClosing) {
      closing ??= why;
      wake();
    },
    closeWithConnection() {},
    reset() {
      lifetime.end(new CallEnded("cancelled"));
    },
    async read(): Promise<number | undefined> {
      if (closing !== undefined) return undefined;
      if (isFirst) {
        // The options.
        isFirst = false;
        return -1;
      }
      if (read < items.length) {
        read += 1;
        mostHeld = Math.max(mostHeld, read - taken.length);
        return read - 1;
      }
      if (end === "half-close") return undefined;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      return undefined;
    },
    write(answer: StreamAnswer<number>, _: CallContext, onTaken: () => void) {
      written.push(answer);
      clock.after(items[answer.index]?.takenMs ?? 0, () => {
        taken.push(answer.index);
        onTaken();
      });
    },
  };
  const tries = new Map<number, number>();
  const { deps } = fakeKeyProtect({});
  const stream = new ItemStream<number, { keyId: string; at: number }, number>(
    {
      deps: { ...deps, clock },
      times: { idleMs: 100_000, itemMs: 5_000 },
      readMessage: (at) =>
        at < 0
          ? { isInOrder }
          : { item: { request: { keyId, at }, itemId: `item-${at}`, bytes: 100 } },
      async handler({ at }, itemContext) {
        const { outcome = "OK", serviceMs = 0 } = items[at] ?? {};
        const isFirstTry = !tries.has(at);
        tries.set(at, (tries.get(at) ?? 0) + 1);
        await new Promise<void>((resolve) => {
          clock.after(serviceMs, resolve);
          itemContext.signal.addEventListener("abort", resolve);
        });
        if (itemContext.signal.aborted) throw itemContext.signal.reason;
        if (outcome === "OK") return at;
        // A rejection that concerns no item passes.
        if (outcome === "CIRCUIT_OPEN" && !isFirstTry) return at;
        const code = outcome === "CIRCUIT_OPEN" ? "CIRCUIT_OPEN" : "BAD_RESPONSE";
        throw toStatusError(new UpstreamError(code, "x", { retryAfterMs: 50 }), itemContext);
      },
    },
    messages,
    context,
  );
  if (end !== "half-close") {
    clock.after(endsAtMs, () => {
      if (end === "drain") messages.close("drain");
      else lifetime.end(new CallEnded(end));
    });
  }
  const state: { isSettled: boolean; failure: unknown } = { isSettled: false, failure: undefined };
  void stream
    .run()
    .catch((error: unknown) => (state.failure = error))
    .finally(() => (state.isSettled = true));
  for (let at = 0; at < 600 && !state.isSettled; at++) await clock.advance(100);
  expect(state.isSettled).toBe(true);
  const { failure } = state;
  return { read, written, taken, mostHeld, failure, progress: context.attemptLog.progress };
}

test("a stream loses, doubles and swaps no item, however it ends", async () => {
  await fc.assert(
    fc.asyncProperty(
      plans,
      fc.boolean(),
      fc.constantFrom<End>("half-close", "drain", "cancelled", "deadline", "shutdown"),
      fc.integer({ min: 0, max: 3_000 }),
      async (items, isInOrder, end, endsAtMs) => {
        const run = await runStream(items, isInOrder, end, endsAtMs);
        const indexes = run.written.map(({ index }) => index);
        expect(new Set(indexes).size).toBe(indexes.length);
        if (isInOrder) expect(indexes).toEqual(indexes.map((_, at) => at));
        for (const { index, itemId, outcome } of run.written) {
          expect(itemId).toBe(`item-${index}`);
          if (outcome?.$case === "response") expect(outcome.value).toBe(index);
          else if (end !== "drain") expect(items[index]?.outcome).toBe("UPSTREAM_INTERNAL");
        }
        expect(run.mostHeld).toBeLessThanOrEqual(64);

        let answered = 0;
        const taken = new Set(run.taken);
        while (taken.has(answered)) answered += 1;
        // Answers that are taken after the end are the caller's to know.
        if (end === "half-close" || end === "drain") {
          expect(indexes.toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: run.read }, (_, at) => at),
          );
          expect(run.progress?.answeredItems).toBe(run.read);
        } else expect(run.progress?.answeredItems).toBeLessThanOrEqual(answered);
        if (end === "half-close") {
          expect(run.failure).toBeUndefined();
          expect(run.read).toBe(items.length);
        } else {
          expect(run.failure).toBeInstanceOf(StatusError);
        }
        const { answeredItems = 0, lastItemId } = run.progress ?? {};
        expect(lastItemId).toBe(answeredItems === 0 ? "" : `item-${answeredItems - 1}`);
      },
    ),
    { numRuns: schedules },
  );
}, 600_000);
