/**
 * Trouble inside the gateway: a blocked event loop and listeners that throw. Numbers are rows of
 * the fault matrix.
 */
import { expect, test, vi } from "vitest";
import { densestSecond, pass, requestsSince, startLoad } from "./load.ts";
import { inMs, metricOf, startWarmGateway } from "./warm-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

/** Selects the metrics that throw. */
const broken = vi.hoisted(() => {
  const names: ReadonlySet<string>[] = [new Set<string>()];
  return {
    has: (name: string): boolean => names[0]?.has(name) ?? false,
    set: (...these: readonly string[]): void => void (names[0] = new Set(these)),
  };
});
vi.mock(import("../../src/observability/metrics/metrics.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    createMetrics: (options) =>
      new Proxy(original.createMetrics(options), {
        get(metrics, name, receiver): unknown {
          const metric: unknown = Reflect.get(metrics, name, receiver);
          if (typeof metric !== "function") return metric;
          return (...values: readonly unknown[]): unknown => {
            const [event] = values;
            const kind =
              typeof event === "object" && event !== null && "kind" in event && event.kind;
            if (broken.has(String(name)) || broken.has(String(kind)))
              throw new Error("this metric is broken");
            return Reflect.apply(metric, metrics, values);
          };
        },
      }),
  };
});

test(
  "59: a gateway whose event loop stood still does not send the missed requests in a burst",
  onBusyMachine,
  async () => {
    broken.set();
    await using gateway = await startWarmGateway({
      env: { GATEWAY_RATE_CEILING: "40" },
    });
    gateway.emulator.quota.set({ ratePerSecond: 40, burst: 12 });
    await using load = startLoad(gateway, 30);
    for (let times = 0; times < 4; times++) {
      await pass(900);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    }
    await pass(500);
    await load.stop();
    expect(requestsSince(gateway, 0).throttled).toBe(0);
    expect(densestSecond(gateway)).toBeLessThanOrEqual(40);
    expect(Object.keys(load.counts)).toEqual(["OK"]);
  },
);

test.each([["callEnded"], ["requestStarted"], ["requestEnded"], ["attemptEnded"], ["retried"]])(
  "60: calls end normally when the meter throws in %s",
  async (name) => {
    broken.set();
    await using gateway = await startWarmGateway();
    broken.set(name);
    gateway.fault({ kind: "respond", status: 503 }, { times: 1 });
    await gateway.unwrap(inMs(10_000));
    gateway.fault({ kind: "respond", status: 404 }, { times: 1 });
    expect(await gateway.failedUnwrap(inMs(10_000))).toMatchObject({ code: "NOT_FOUND" });
    await gateway.unwrap(inMs(10_000));
    broken.set();
    await gateway.unwrap(inMs(10_000));
  },
);

test("60: a circuit opens although counting it throws, and the log records the error", async () => {
  broken.set();
  await using gateway = await startWarmGateway({ env: { GATEWAY_BREAKER_MINIMUM_REQUESTS: "3" } });
  broken.set("circuitOpened");
  gateway.fault({ kind: "respond", status: 500 });
  const failure = await gateway.failedUnwrap(inMs(10_000));
  expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_INTERNAL" });
  expect(await gateway.failedUnwrap()).toMatchObject({ reason: "CIRCUIT_OPEN" });
  expect(await metricOf(gateway, "keyprotect_gateway_circuits_open")).toBe(1);
  expect(
    gateway.log().filter(({ msg }) => msg === "a metric could not be counted").length,
  ).toBeGreaterThan(0);
  broken.set();
});
