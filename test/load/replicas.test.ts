/**
 * Four gateways share a quota through a real Redis. On an idle machine `npm run bench:goodput --
 * --only replicas` measures the same properties. The bounds here leave room for a machine with
 * other work.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { AsyncDisposables } from "../../src/platform/disposable-stack.ts";
import type { Arena, Period } from "../../bench/load/arena.ts";
import { failuresOf, okMsOf, percentile } from "../../bench/load/figures.ts";
import {
  busiestShare,
  createReplicaArena,
  replicaLoad,
  replicaRates,
  replicaSaturation,
  servedShare,
  spread,
} from "../../bench/load/replica-arena.ts";
import { warmUpMs } from "../../bench/load/run-options.ts";
import type { LoadStream } from "../../bench/load/start-load.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { startSourceGateway } from "./source-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

/**
 * The last lease is valid for three seconds. The replicas spend the rest of the time without a
 * lease.
 */
const awayMs = 7_000;
const saturation = replicaLoad(replicaSaturation);
/** Six tenths of the quota. Each replica asks for less than its part without Redis. */
const light = replicaLoad({ perSecond: 15 });

const started = new AsyncDisposables();
let redis: RedisServer;
let arena: Arena;
beforeAll(async () => {
  redis = started.add(await startRedisServer());
  arena = started.add(await createReplicaArena(redis, startSourceGateway));
  await arena.load.ask("start", saturation);
  await arena.measure(warmUpMs);
}, 90_000);
afterAll(() => started[Symbol.asyncDispose]());

/** Starts from a Redis that answers, in whatever state the previous test left it. */
async function restart(streams: readonly LoadStream[]): Promise<void> {
  redis.resume();
  if (!redis.isRunning) await redis.restart();
  await arena.load.ask("stop", null);
  await arena.load.ask("start", streams);
  await arena.measure(warmUpMs);
}

const lost = ({ streams }: Period) => failuresOf(streams);

test(
  "equal replicas use up the quota in equal parts and never exceed it",
  onBusyMachine,
  async () => {
    await restart(saturation);
    const period = await arena.measure(8_000);
    expect(servedShare(period)).toBeGreaterThan(0.95);
    expect(busiestShare(period)).toBeLessThanOrEqual(1.05);
    expect(spread(replicaRates(period))).toBeLessThan(0.05);
    expect(period.throttled).toBe(0);
    expect(lost(period)).toEqual({});
  },
);

test("the other replicas use the part of an idle replica", onBusyMachine, async () => {
  await restart(replicaLoad(replicaSaturation, [0]));
  const period = await arena.measure(8_000);
  // With equal parts the share would be 0.74.
  expect(servedShare(period)).toBeGreaterThan(0.93);
  expect(busiestShare(period)).toBeLessThanOrEqual(1.05);
  expect(spread(replicaRates(period))).toBeLessThan(0.08);
  expect(lost(period)).toEqual({});

  // The replica has a small lease at this point. It then gets the same load as the others at once.
  await arena.load.ask("stop", null);
  await arena.load.ask("start", saturation);
  const busy = await arena.measure(3_000);
  expect(busiestShare(busy)).toBeLessThanOrEqual(1.05);
  expect(lost(busy)).toEqual({});
});

test(
  "replicas do not exceed the quota without Redis, and use it up when Redis is back",
  onBusyMachine,
  async () => {
    await restart(saturation);
    redis.suspend();
    const hanging = await arena.measure(awayMs);
    redis.resume();
    const resumed = await arena.measure(3_000);
    await redis.kill();
    const gone = await arena.measure(awayMs);
    await redis.restart();
    const returning = await arena.measure(5_000);
    const back = await arena.measure(5_000);

    for (const period of [hanging, resumed, gone, returning, back]) {
      expect(busiestShare(period)).toBeLessThanOrEqual(1.1);
      expect(lost(period)).toEqual({});
    }
    // Each replica uses its lease for three seconds, and then nine tenths of an equal part.
    for (const period of [hanging, gone]) expect(servedShare(period)).toBeGreaterThan(0.85);
    expect(servedShare(back)).toBeGreaterThan(0.93);
  },
);

test(
  "no call waits for Redis or fails because of it while Redis hangs, is gone or comes back",
  onBusyMachine,
  async () => {
    await restart(light);
    const before = await arena.measure(6_000);
    redis.suspend();
    const hanging = await arena.measure(awayMs);
    redis.resume();
    const resumed = await arena.measure(3_000);
    await redis.kill();
    const gone = await arena.measure(awayMs);

    const usual = okMsOf(before.streams);
    for (const period of [hanging, resumed, gone]) {
      const latencies = okMsOf(period.streams);
      expect(lost(period)).toEqual({});
      expect(latencies.length / period.seconds).toBeGreaterThan(0.9 * 8 * 15);
      // A call that waited for Redis would take its time limit, and so would all calls of the
      // replica. Each latency includes every moment for which the callers' process did not run.
      const lateMs = Math.max(...period.streams.map((stream) => stream.lateMs));
      expect(percentile(latencies, 0.5)).toBeLessThan(2 * percentile(usual, 0.5) + 30);
      expect(percentile(latencies, 0.99)).toBeLessThan(2 * percentile(usual, 0.99) + 50 + lateMs);
    }
  },
);
