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

test("a activeCalls counts the calls in flight", () => {
  const activeCalls = createActiveCalls();
  const [a, b] = [callIn(activeCalls), callIn(activeCalls)];
  expect(activeCalls.count).toBe(2);
  a.remove();
  a.remove();
  expect(activeCalls.count).toBe(1);
  b.remove();
  expect(activeCalls.count).toBe(0);
});

test("idle comes at once without calls", async () => {
  expect(await isSettled(createActiveCalls().idle())).toBe(true);
});

test("idle comes with the end of the last call, for everyone who waits", async () => {
  const activeCalls = createActiveCalls();
  const [a, b] = [callIn(activeCalls), callIn(activeCalls)];
  const waiting = [activeCalls.idle(), activeCalls.idle()];
  a.remove();
  for (const idle of waiting) expect(await isSettled(idle)).toBe(false);
  b.remove();
  for (const idle of waiting) expect(await isSettled(idle)).toBe(true);
});

test("idle can be waited for again when calls came back", async () => {
  const activeCalls = createActiveCalls();
  callIn(activeCalls).remove();
  const call = callIn(activeCalls);
  const idle = activeCalls.idle();
  expect(await isSettled(idle)).toBe(false);
  call.remove();
  expect(await isSettled(idle)).toBe(true);
});

test("refusing new calls leaves those in flight alone", () => {
  const activeCalls = createActiveCalls();
  const call = callIn(activeCalls);
  expect(activeCalls.isRefusing).toBe(false);
  activeCalls.refuseNew();
  expect(activeCalls.isRefusing).toBe(true);
  expect(call.ends).toEqual([]);
});

test("ending all calls ends each once and refuses new ones", () => {
  const activeCalls = createActiveCalls();
  const calls = [callIn(activeCalls), callIn(activeCalls)];
  activeCalls.cancelAll();
  expect(calls.map(({ ends }) => ends)).toEqual([["shutdown"], ["shutdown"]]);
  expect(activeCalls.isRefusing).toBe(true);
});

test("a call that leaves while all are ended disturbs none of the others", () => {
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
