import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  createAcceptQueue,
  type QueuedCall,
  type QueuePosition,
} from "../../../../src/grpc/server/accept-queue.ts";
import { nextTurn } from "../../../support/next-turn.ts";

/** Calls that record the order in which they start. */
function createCalls() {
  const entered: string[] = [];
  return {
    entered,
    call: (connection: string, name: string): QueuedCall => ({
      connection,
      accept: () => void entered.push(name),
    }),
  };
}

test("calls within the limit of a turn start immediately, the others in later turns, in order", async () => {
  const queue = createAcceptQueue(2);
  const { entered, call } = createCalls();
  for (const name of ["1", "2", "3", "4", "5"]) queue.enqueue(call("a", name));
  expect(entered).toEqual(["1", "2"]);
  expect(queue.waiting).toBe(3);
  await nextTurn();
  expect(entered).toEqual(["1", "2", "3", "4"]);
  await nextTurn();
  expect(entered).toEqual(["1", "2", "3", "4", "5"]);
  expect(queue.waiting).toBe(0);
});

test("a due timer fires between the turns of many calls", async () => {
  const queue = createAcceptQueue(1);
  const { entered, call } = createCalls();
  const all = 10_000;
  let enteredBefore = all;
  const fired = new Promise<void>((resolve) => {
    setTimeout(() => {
      enteredBefore = entered.length;
      resolve();
    }, 1);
  });
  for (let at = 0; at < all; at += 1) queue.enqueue(call("a", String(at)));
  await fired;
  expect(enteredBefore).toBeLessThan(all);
});

test("connections are served round-robin, however many calls one of them has", async () => {
  const queue = createAcceptQueue(1);
  const { entered, call } = createCalls();
  for (const name of ["a1", "a2", "a3", "a4"]) queue.enqueue(call("a", name));
  queue.enqueue(call("b", "b1"));
  while (queue.waiting > 0) await nextTurn();
  expect(entered).toEqual(["a1", "a2", "b1", "a3", "a4"]);
});

test("a new call does not overtake waiting calls even if its turn has capacity", async () => {
  const queue = createAcceptQueue(2);
  const { entered, call } = createCalls();
  const late = call("a", "late");
  const first: QueuedCall = {
    connection: "a",
    accept() {
      entered.push("first of the turn");
      queue.enqueue(late);
    },
  };
  for (const name of ["1", "2"]) queue.enqueue(call("a", name));
  queue.enqueue(first);
  queue.enqueue(call("a", "waited"));
  await nextTurn();
  expect(entered).toEqual(["1", "2", "first of the turn", "waited"]);
  await nextTurn();
  expect(entered.at(-1)).toBe("late");
});

test("a call that left the queue is not started, and leaving twice removes no other call", async () => {
  const queue = createAcceptQueue(1);
  const { entered, call } = createCalls();
  expect(queue.enqueue(call("a", "1"))).toBeUndefined();
  const gone = queue.enqueue(call("a", "2"));
  queue.enqueue(call("a", "3"));
  gone?.leave();
  gone?.leave();
  expect(queue.waiting).toBe(1);
  await nextTurn();
  expect(entered).toEqual(["1", "3"]);
});

test("every call that stays is started exactly once, in order per connection, and within the limit per turn", async () => {
  const arrivals = fc.array(
    fc.record({ connection: fc.constantFrom("a", "b", "c"), leaves: fc.boolean() }),
    { maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 5 }), async (calls, perTurn) => {
      const queue = createAcceptQueue(perTurn);
      const entered: number[] = [];
      let thisTurn = 0;
      const places = calls.map(({ connection }, at): QueuePosition | undefined =>
        queue.enqueue({
          connection,
          accept() {
            thisTurn += 1;
            expect(thisTurn).toBeLessThanOrEqual(perTurn);
            entered.push(at);
          },
        }),
      );
      const left = new Set<number>();
      for (const [at, place] of places.entries()) {
        if (calls[at]?.leaves !== true || place === undefined) continue;
        place.leave();
        left.add(at);
      }
      while (queue.waiting > 0) {
        thisTurn = 0;
        await nextTurn();
      }
      const stayed = [...calls.keys()].filter((at) => !left.has(at));
      expect(entered.toSorted((a, b) => a - b)).toEqual(stayed);
      for (const name of ["a", "b", "c"]) {
        const own = entered.filter((at) => calls[at]?.connection === name);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
    }),
  );
});
