import { expect, test } from "vitest";
import type { CallEnd } from "../../../../src/platform/call-signal.ts";
import { createCallRegistry, type CallRegistry } from "../../../../src/grpc/call/active-calls.ts";

function callIn(registry: CallRegistry): { readonly ends: CallEnd[]; remove(): void } {
  const ends: CallEnd[] = [];
  const call = { place: undefined, end: (end: CallEnd) => void ends.push(end) };
  registry.add(call);
  return { ends, remove: () => registry.remove(call) };
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const settled = promise.then(() => true);
  return Promise.race([
    settled,
    new Promise<boolean>((resolve) => setImmediate(() => resolve(false))),
  ]);
}

test("a registry counts the calls in flight", () => {
  const registry = createCallRegistry();
  const [a, b] = [callIn(registry), callIn(registry)];
  expect(registry.count).toBe(2);
  a.remove();
  a.remove();
  expect(registry.count).toBe(1);
  b.remove();
  expect(registry.count).toBe(0);
});

test("idle comes at once without calls", async () => {
  expect(await isSettled(createCallRegistry().idle())).toBe(true);
});

test("idle comes with the end of the last call, for everyone who waits", async () => {
  const registry = createCallRegistry();
  const [a, b] = [callIn(registry), callIn(registry)];
  const waiting = [registry.idle(), registry.idle()];
  a.remove();
  for (const idle of waiting) expect(await isSettled(idle)).toBe(false);
  b.remove();
  for (const idle of waiting) expect(await isSettled(idle)).toBe(true);
});

test("idle can be waited for again when calls came back", async () => {
  const registry = createCallRegistry();
  callIn(registry).remove();
  const call = callIn(registry);
  const idle = registry.idle();
  expect(await isSettled(idle)).toBe(false);
  call.remove();
  expect(await isSettled(idle)).toBe(true);
});

test("refusing new calls leaves those in flight alone", () => {
  const registry = createCallRegistry();
  const call = callIn(registry);
  expect(registry.isRefusing).toBe(false);
  registry.refuseNew();
  expect(registry.isRefusing).toBe(true);
  expect(call.ends).toEqual([]);
});

test("ending all calls ends each once and refuses new ones", () => {
  const registry = createCallRegistry();
  const calls = [callIn(registry), callIn(registry)];
  registry.endAll();
  expect(calls.map(({ ends }) => ends)).toEqual([["shutdown"], ["shutdown"]]);
  expect(registry.isRefusing).toBe(true);
});

test("a call that leaves while all are ended disturbs none of the others", () => {
  const registry = createCallRegistry();
  const ended: number[] = [];
  for (const index of [0, 1, 2]) {
    const call = {
      place: undefined,
      end: () => {
        ended.push(index);
        registry.remove(call);
      },
    };
    registry.add(call);
  }
  registry.endAll();
  expect(ended).toEqual([0, 1, 2]);
  expect(registry.count).toBe(0);
});
