/**
 * Behaviour of a quota over seconds: it is used up, it changes, or it rejects everything. Numbers
 * are rows of the fault matrix.
 */
import { expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { densestSecond, pass, requestsSince, startLoad, stateOf } from "./load.ts";
import { inMs, startWarmGateway } from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

const paced = (perSecond: number, more: Readonly<Record<string, string>> = {}) => ({
  env: {
    GATEWAY_RATE_CEILING: String(perSecond),
    ...more,
  },
});
const margin = 0.985;

test("6: fifty 429 answers of one event lower the rate once", onBusyMachine, async () => {
  await using gateway = await startWarmGateway(
    paced(4_000, { GATEWAY_UPSTREAM_CONNECTIONS: "100", GATEWAY_QUEUE_MAX_CALLER_PERCENT: "100" }),
  );
  // All requests are sent before the first response.
  gateway.fault({ kind: "respond", status: 429 }, { times: 50, delayMs: 1_500 });
  await Promise.all(Array.from({ length: 50 }, () => gateway.unwrap(inMs(30_000))));
  expect(requestsSince(gateway, 0)).toEqual({ all: 100, throttled: 50 });
  const { rate } = await stateOf(gateway);
  expect(rate.safePerSecond).toBeCloseTo(4_000 * margin * margin, 3);
});

test(
  "7, 8: a reduced quota is found within two seconds, and an increased one after the probe interval",
  onBusyMachine,
  async () => {
    let shiftMs = 0;
    const clock = { ...systemClock, now: (): number => systemClock.now() + shiftMs };
    await using gateway = await startWarmGateway({ ...paced(50), deps: { clock } });
    gateway.emulator.quota.set({ ratePerSecond: 50, burst: 12 });
    await using first = startLoad(gateway, 25);
    await pass(1_500);
    expect(requestsSince(gateway, 0).throttled).toBe(0);

    gateway.emulator.quota.set({ ratePerSecond: 30, burst: 7 });
    const shrunkAt = Date.now();
    await pass(8_000);
    const steady = requestsSince(gateway, shrunkAt + 2_000);
    expect(steady.throttled / steady.all).toBeLessThan(0.02);
    const held = (await stateOf(gateway)).rate.perSecond ?? Number.NaN;
    expect(held).toBeGreaterThanOrEqual(0.9 * 30);
    expect(held).toBeLessThanOrEqual(30);
    await first.stop();
    // A call that Key Protect rejected waited for another permit and got one.
    expect(Object.keys(first.counts)).toEqual(["OK"]);

    gateway.emulator.quota.set({ ratePerSecond: 60, burst: 15 });
    const grownAt = Date.now();
    // The hold after such a decrease has ended.
    shiftMs = 20_000;
    await using second = startLoad(gateway, 25);
    await expect
      .poll(async () => (await stateOf(gateway)).rate.perSecond, { timeout: 20_000 })
      .toBeGreaterThan(held);
    expect(requestsSince(gateway, grownAt).throttled).toBe(0);
    await second.stop();
    expect(Object.keys(second.counts)).toEqual(["OK"]);
  },
);

test(
  "9: the gateway sends four requests a second while every request gets 429",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway(paced(50));
    await using load = startLoad(gateway, 20);
    await pass(1_000);
    gateway.fault({ kind: "respond", status: 429 });
    const startedAt = Date.now();
    await pass(5_000);
    // The bound covers the active requests, the requests that confirm the lockout, and the recovery
    // probes.
    expect(requestsSince(gateway, startedAt).all).toBeLessThan(35);
    expect(requestsSince(gateway, Date.now() - 3_000).all).toBeLessThanOrEqual(3 * 4 + 2);
    expect(requestsSince(gateway, Date.now() - 3_000).all).toBeGreaterThanOrEqual(6);
    expect((await stateOf(gateway)).rate.phase).toBe("blackout");

    gateway.emulator.faults.clear();
    await pass(2_000);
    const { rate } = await stateOf(gateway);
    expect(rate.phase).not.toBe("blackout");
    expect(rate.perSecond).toBeGreaterThan(50 * margin ** 3);
    expect(requestsSince(gateway, Date.now() - 1_000).all).toBeGreaterThan(30);
    await load.stop();
    // Key Protect rejected the call, or the queue did, which is short at four per second.
    for (const code of Object.keys(load.counts)) {
      expect(["OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"]).toContain(code);
    }
  },
);

test("10: a known quota is fully used and not exceeded in any second", onBusyMachine, async () => {
  await using gateway = await startWarmGateway(paced(40));
  gateway.emulator.quota.set({ ratePerSecond: 40, burst: 10 });
  await using load = startLoad(gateway, 30);
  await pass(1_000);
  const from = Date.now();
  await pass(6_000);
  const { all } = requestsSince(gateway, from);
  const seconds = (Date.now() - from) / 1_000;
  await load.stop();
  // The rate is 98.5 % on a separate machine. Here gateway, Key Protect and callers share one event
  // loop.
  expect(all / seconds).toBeGreaterThan(0.85 * 40);
  expect(requestsSince(gateway, 0).throttled).toBe(0);
  expect(densestSecond(gateway)).toBeLessThanOrEqual(40);
  expect(Object.keys(load.counts)).toEqual(["OK"]);
});

test(
  "11: fifty calls after idleness start with a small burst and keep the rate",
  onBusyMachine,
  async () => {
    await using gateway = await startWarmGateway(paced(50));
    gateway.emulator.quota.set({ ratePerSecond: 50, burst: 12 });
    await pass(1_500);
    await Promise.all(Array.from({ length: 50 }, () => gateway.unwrap(inMs(20_000))));
    const times = gateway.asked().map(({ receivedAt }) => receivedAt);
    const [first = 0] = times;
    expect(times).toHaveLength(50);
    expect(requestsSince(gateway, 0).throttled).toBe(0);
    expect(times.filter((at) => at - first < 5).length).toBeLessThanOrEqual(10);
    expect((times.at(-1) ?? 0) - first).toBeGreaterThan(800);
    expect(densestSecond(gateway)).toBeLessThanOrEqual(50);
  },
);
