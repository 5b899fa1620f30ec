/** Measures replicas that share a quota: equal and unequal demand, and failures of Redis. */
import type { RedisServer } from "../../test/support/redis-server.ts";
import type { Arena, Period } from "./arena.ts";
import {
  failuresOf,
  failureText,
  ms,
  okMsOf,
  percent,
  percent429,
  percentile,
  throttledShare,
} from "./figures.ts";
import {
  busiestShare,
  createReplicaArena,
  replicaLoad,
  replicaRates,
  replicaSaturation,
  servedShare,
  spread,
} from "./replica-arena.ts";
import { warmUpMs, type GoodputOptions } from "./run-options.ts";
import type { LoadStream } from "./start-load.ts";

/** A measured phase. */
export interface ReplicaPhase {
  readonly name: string;
  readonly period: Period;
}

/** Far below the part that each replica has without Redis, so that no queue affects the figures. */
const lightLoad: LoadStream["rhythm"] = { perSecond: 15 };
/** Longer than the three seconds of the last lease, so that the fallback is measured too. */
const awayMs = 8_000;

async function restart(arena: Arena, streams: readonly LoadStream[], settleMs: number) {
  await arena.load.ask("stop", null);
  await arena.load.ask("start", streams);
  await arena.measure(settleMs);
}

/** Measures equal parts of the quota, with all replicas busy and with one idle. */
export async function measureEqualParts(run: GoodputOptions): Promise<readonly ReplicaPhase[]> {
  await using arena = await createReplicaArena(undefined, run.startGateway);
  const measure = () => arena.measure(run.seconds * 1_000);
  await arena.load.ask("start", replicaLoad(replicaSaturation));
  await arena.measure(warmUpMs);
  const equal = await measure();
  await restart(arena, replicaLoad(replicaSaturation, [0]), warmUpMs);
  return [
    { name: "equal parts, no Redis; all busy", period: equal },
    { name: "equal parts, no Redis; one of four idle", period: await measure() },
  ];
}

/** Measures all phases of a shared quota, one after the other, with the same four gateways. */
export async function measureReplicas(
  redis: RedisServer,
  run: GoodputOptions,
): Promise<readonly ReplicaPhase[]> {
  await using arena = await createReplicaArena(redis, run.startGateway);
  const phases: ReplicaPhase[] = [];
  const measure = async (name: string, periodMs = run.seconds * 1_000): Promise<void> => {
    phases.push({ name, period: await arena.measure(periodMs) });
  };
  await arena.load.ask("start", replicaLoad(replicaSaturation));
  await arena.measure(warmUpMs);
  await measure("all busy");
  await restart(arena, replicaLoad(replicaSaturation, [0]), warmUpMs);
  await measure("one of four idle");
  await restart(arena, replicaLoad(replicaSaturation), 0);
  await measure("the idle one gets busy, from then on", 5_000);

  redis.suspend();
  await measure("all busy, Redis hangs, from then on", awayMs);
  redis.resume();
  await measure("Redis goes on, from then on", 5_000);
  await redis.kill();
  await measure("Redis dies, from then on", awayMs);
  await redis.restart();
  await measure("Redis is back, empty, first 5 s", 5_000);
  await measure("after that");

  await restart(arena, replicaLoad(lightLoad), 2_000);
  await measure("60 % of the quota asked for");
  redis.suspend();
  await measure("the same, Redis hangs, from then on", awayMs);
  redis.resume();
  await measure("the same, Redis goes on, from then on", 3_000);
  await redis.kill();
  await measure("the same, Redis dies, from then on", awayMs);
  return phases;
}

/** Column titles. */
export const replicasHead = [
  "what is so",
  "goodput",
  "busiest second",
  "429s",
  "calls/s of each",
  "spread",
  "p50 ms",
  "p99 ms",
  "slowest ms",
  "judge late ms",
  "caller late ms",
  "failures at callers",
] as const;

/** Returns the table row of a phase. */
export function replicasRow({ name, period }: ReplicaPhase): readonly string[] {
  const latencies = okMsOf(period.streams);
  const rates = replicaRates(period);
  return [
    name,
    percent(servedShare(period)),
    percent(busiestShare(period)),
    percent429(throttledShare(period)),
    rates.map((rate) => rate.toFixed(1)).join(" "),
    percent(spread(rates)),
    ms(percentile(latencies, 0.5)),
    ms(percentile(latencies, 0.99)),
    ms(latencies.at(-1) ?? Number.NaN),
    ms(period.lateMs),
    ms(Math.max(...period.streams.map(({ lateMs }) => lateMs))),
    failureText(failuresOf(period.streams)),
  ];
}
