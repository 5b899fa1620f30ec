import { describe, expect, test } from "vitest";
import { CallLifetime, type CallSignalListener } from "../../../src/platform/call-signal.ts";
import { raceSignal, sleep } from "../../../src/platform/sleep.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

/** A call's signal that counts the listeners it holds. */
class CountedLifetime extends CallLifetime {
  readonly listeners = new Set<CallSignalListener>();

  override addEventListener(type: "abort", listener: CallSignalListener): void {
    this.listeners.add(listener);
    super.addEventListener(type, listener);
  }

  override removeEventListener(type: "abort", listener: CallSignalListener): void {
    this.listeners.delete(listener);
    super.removeEventListener(type, listener);
  }
}

/** Says whether a promise has settled, once pending microtasks have run. */
function watch(promise: Promise<unknown>): { readonly isSettled: boolean } {
  const state = { isSettled: false };
  const settle = (): void => void (state.isSettled = true);
  promise.then(settle, settle);
  return state;
}

describe("sleep", () => {
  test("a sleep resolves after its time and not before, and leaves no listener", async () => {
    const clock = createDrivenClock();
    const lifetime = new CountedLifetime();
    const sleeping = watch(sleep(100, lifetime, clock));
    await clock.advance(99);
    expect(sleeping.isSettled).toBe(false);
    expect(lifetime.listeners.size).toBe(1);
    await clock.advance(1);
    expect(sleeping.isSettled).toBe(true);
    expect(lifetime.listeners.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("a sleep resolves as soon as its signal is aborted, and leaves no timer", async () => {
    const clock = createDrivenClock();
    const lifetime = new CountedLifetime();
    const sleeping = watch(sleep(100, lifetime, clock));
    await clock.advance(10);
    lifetime.end(new Error("over"));
    await clock.advance(0);
    expect(sleeping.isSettled).toBe(true);
    expect(clock.pending).toBe(0);
    expect(lifetime.listeners.size).toBe(0);
  });

  test("a sleep with a signal that is aborted already sets no timer and no listener", async () => {
    const clock = createDrivenClock();
    const lifetime = new CountedLifetime();
    lifetime.end(new Error("over"));
    await sleep(100, lifetime, clock);
    expect(clock.pending).toBe(0);
    expect(lifetime.listeners.size).toBe(0);
  });
});

describe("raceSignal", () => {
  const over = new Error("the call ended");

  test("a race resolves as its promise does, and leaves no listener", async () => {
    const lifetime = new CountedLifetime();
    const { promise, resolve } = withResolvers<string>();
    const race = raceSignal(promise, lifetime, () => over);
    expect(lifetime.listeners.size).toBe(1);
    resolve("done");
    await expect(race).resolves.toBe("done");
    await Promise.resolve();
    expect(lifetime.listeners.size).toBe(0);
  });

  test("a race rejects as its promise does, and leaves no listener", async () => {
    const lifetime = new CountedLifetime();
    const failure = new Error("failed");
    await expect(raceSignal(Promise.reject(failure), lifetime, () => over)).rejects.toBe(failure);
    await Promise.resolve();
    expect(lifetime.listeners.size).toBe(0);
  });

  test("a race rejects with onAbort() as soon as its signal is aborted, once", async () => {
    const lifetime = new CountedLifetime();
    const { promise, resolve } = withResolvers<string>();
    let calls = 0;
    const race = raceSignal(promise, lifetime, () => {
      calls += 1;
      return over;
    });
    lifetime.end(new Error("reason"));
    await expect(race).rejects.toBe(over);
    resolve("too late");
    await promise;
    await Promise.resolve();
    await Promise.resolve();
    expect(calls).toBe(1);
    expect(lifetime.listeners.size).toBe(0);
  });

  test("a race with a signal that is aborted already rejects and adds no listener", async () => {
    const lifetime = new CountedLifetime();
    lifetime.end(new Error("reason"));
    const never = new Promise<string>(() => undefined);
    await expect(raceSignal(never, lifetime, () => over)).rejects.toBe(over);
    expect(lifetime.listeners.size).toBe(0);
  });
});

const ignore = (): void => undefined;

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = ignore;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
