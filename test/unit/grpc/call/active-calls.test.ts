import { expect, test } from "vitest";
import type { CallEnd } from "../../../../src/platform/call-signal.ts";
import { createActiveCalls, type ActiveCalls } from "../../../../src/grpc/call/active-calls.ts";

function callIn(activeCalls: ActiveCalls): { readonly ends: CallEnd[]; remove(): void } {
  const ends: CallEnd[] = [];
  const call = { index: undefined, end: (end: CallEnd) => void ends.push(end) };
  activeCalls.add(call);
  return { ends, remove: () => activeCalls.remove(call) };
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const settled = promise.then(() => true);
  return Promise.race([
    settled,
    new Promise<boolean>((resolve) => setImmediate(() => resolve(false))),
  ]);
}

test("count is the number of active calls", () => {
  const activeCalls = createActiveCalls();
  const [a, b] = [callIn(activeCalls), callIn(activeCalls)];
  expect(activeCalls.count).toBe(2);
  a.remove();
  a.remove();
  expect(activeCalls.count).toBe(1);
  b.remove();
  expect(activeCalls.count).toBe(0);
});

test("idle resolves immediately if no call is active", async () => {
  expect(await isSettled(createActiveCalls().idle())).toBe(true);
});

test("idle resolves at the end of the last call for all that wait", async () => {
  const activeCalls = createActiveCalls();
  const [a, b] = [callIn(activeCalls), callIn(activeCalls)];
  const waiting = [activeCalls.idle(), activeCalls.idle()];
  a.remove();
  for (const idle of waiting) expect(await isSettled(idle)).toBe(false);
  b.remove();
  for (const idle of waiting) expect(await isSettled(idle)).toBe(true);
});

test("idle can be awaited again after new calls", async () => {
  const activeCalls = createActiveCalls();
  callIn(activeCalls).remove();
  const call = callIn(activeCalls);
  const idle = activeCalls.idle();
  expect(await isSettled(idle)).toBe(false);
  call.remove();
  expect(await isSettled(idle)).toBe(true);
});

test("refuseNew does not end active calls", () => {
  const activeCalls = createActiveCalls();
  const call = callIn(activeCalls);
  expect(activeCalls.isRefusing).toBe(false);
  activeCalls.refuseNew();
  expect(activeCalls.isRefusing).toBe(true);
  expect(call.ends).toEqual([]);
});

test("cancelAll ends each call once and refuses new ones", () => {
  const activeCalls = createActiveCalls();
  const calls = [callIn(activeCalls), callIn(activeCalls)];
  activeCalls.cancelAll();
  expect(calls.map(({ ends }) => ends)).toEqual([["shutdown"], ["shutdown"]]);
  expect(activeCalls.isRefusing).toBe(true);
});

test("a call that is removed during cancelAll does not affect the others", () => {
  const activeCalls = createActiveCalls();
  const ended: number[] = [];
  for (const index of [0, 1, 2]) {
    const call = {
      index: undefined,
      end: () => {
        ended.push(index);
        activeCalls.remove(call);
      },
    };
    activeCalls.add(call);
  }
  activeCalls.cancelAll();
  expect(ended).toEqual([0, 1, 2]);
  expect(activeCalls.count).toBe(0);
});
