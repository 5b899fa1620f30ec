/**
 * Three gateways share a quota through a real Redis, and the ways between them and Redis fail at
 * random: for one of them, for some, for all; closed, silent, in one direction, slow, or by a wrong
 * password. The upstream judges: it counts every request in every second, and refuses none.
 *
 * A process that does not run for a while sends late what it was to send before, and its queue
 * looks like a need. So seconds in which a process was late, and the next ones, are not judged.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createArena, type Arena, type Period } from "../../bench/load/arena.ts";
import { failuresOf } from "../../bench/load/figures.ts";
import { createNames, gatewaySettings, warmUpMs } from "../../bench/load/run-options.ts";
import type { LoadStream } from "../../bench/load/start-load.ts";
import { AsyncDisposables } from "../../src/platform/disposable-stack.ts";
import { createRandom } from "../simulation/random.ts";
import {
  type DisturbedWay,
  disturbances,
  type Disturbance,
  startDisturbedWay,
} from "../support/disturbed-way.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { type SourceGateway, startSourceGateway } from "./source-gateway.ts";

const quota = 100;
const replicas = 3;
const callers = createNames("caller", 2 * replicas);
const replicaOf = (caller: string): number => callers.indexOf(caller) % replicas;
const users = createNames("replica", replicas);
const aclOf = (user: string): string => `user ${user} on >right ~* +@all`;

const started = new AsyncDisposables();
let redis: RedisServer;
let arena: Arena;
const ways: DisturbedWay[] = [];
const gateways: SourceGateway[] = [];
beforeAll(async () => {
  const acl = ["user default on nopass ~* &* +@all", ...users.map(aclOf)];
  redis = started.add(await startRedisServer({ acl }));
  while (ways.length < replicas) ways.push(started.add(await startDisturbedWay(redis.port)));
  let next = 0;
  arena = started.add(
    await createArena({
      arrangement: "gateway",
      upstream: { shape: "bucket", perSecond: 100_000 },
      callers,
      replicas,
      env: gatewaySettings({
        GATEWAY_RATE_CEILING: String(quota),
        GATEWAY_REPLICAS: String(replicas),
        GATEWAY_QUOTA_SHARE: "redis",
        GATEWAY_REDIS_PASSWORD: "right",
      }),
      async startGateway(place, settings) {
        const at = next++;
        const gateway = await startSourceGateway(place, {
          ...settings,
          GATEWAY_REDIS_URL: `redis://127.0.0.1:${ways[at]?.port}`,
          GATEWAY_REDIS_USERNAME: users[at] ?? "",
        });
        gateways.push(gateway);
        return gateway;
      },
    }),
  );
  await arena.load.ask("start", []);
}, 90_000);
afterAll(() => started[Symbol.asyncDispose]());

type Fault = Exclude<Disturbance, "open"> | "wrong password";
const faults: readonly Fault[] = [
  ...disturbances.filter((each) => each !== "open"),
  "wrong password",
];

function disturb(at: number, fault: Fault | undefined): void {
  const user = users[at] ?? "";
  const isWrong = fault === "wrong password";
  redis.cli("ACL", "SETUSER", user, "resetpass", isWrong ? ">other" : ">right");
  if (isWrong) redis.cli("CLIENT", "KILL", "USER", user);
  ways[at]?.set(isWrong || fault === undefined ? "open" : fault);
}
const healAll = (): void => {
  for (const at of users.keys()) disturb(at, undefined);
};

/** Calls of each replica per second, in two streams; `undefined` for an endless queue. */
const loadOf = (wants: readonly (number | undefined)[]): readonly LoadStream[] =>
  callers.map((caller) => {
    const perSecond = wants[replicaOf(caller)];
    const rhythm = perSecond === undefined ? { inFlight: 20 } : { perSecond: perSecond / 2 };
    return { caller, operation: "unwrap", rhythm, deadlineMs: 20_000 };
  });

async function restart(wants: readonly (number | undefined)[]): Promise<void> {
  healAll();
  await arena.load.ask("stop", null);
  await arena.load.ask("start", loadOf(wants));
  await arena.measure(warmUpMs);
}

/** One second, and for how many seconds every process has run in time, this one included. */
interface Second extends Period {
  readonly calmFor: number;
}

const calmMs = 30;
let calmFor = 0;

/** Measures second by second. */
async function judge(seconds: number): Promise<Second[]> {
  const measured: Second[] = [];
  for (let each = 0; each < seconds; each += 1) {
    const period = await arena.measure(1_000);
    const delays = await Promise.all(gateways.map((gateway) => gateway.lateMs()));
    calmFor = Math.max(period.lateMs, ...delays) < calmMs ? calmFor + 1 : 0;
    measured.push({ ...period, calmFor });
  }
  return measured;
}

/** Measures on, for 30 seconds at most, until three seconds can be judged. */
async function untilCalm(seconds: readonly Second[]): Promise<readonly Second[]> {
  const all = [...seconds];
  while (calmOf(all).length < 3 && all.length < seconds.length + 30) all.push(...(await judge(1)));
  expect(calmOf(all).length).toBeGreaterThanOrEqual(3);
  return all;
}

const calmOf = (seconds: readonly Second[]): readonly Second[] =>
  seconds.filter((second) => second.calmFor >= 2);

const meanShare = (periods: readonly Second[]): number =>
  periods.reduce((sum, { served }) => sum + served, 0) /
  periods.reduce((sum, { seconds }) => sum + seconds, 0) /
  quota;

/** The share of the quota that was used in the seconds that can be judged. */
const usedShare = (periods: readonly Second[]): number => meanShare(calmOf(periods));

const busiestOf = (periods: readonly Second[]): number =>
  Math.max(0, ...calmOf(periods).map(({ busiestSecond }) => busiestSecond));

/** Calls of each replica that succeeded, per second. */
function ratesOf(periods: readonly Second[]): number[] {
  const rates = users.map(() => 0);
  const seconds = calmOf(periods).reduce((sum, period) => sum + period.seconds, 0);
  for (const { caller, ok } of calmOf(periods).flatMap(({ streams }) => streams)) {
    const at = replicaOf(caller);
    rates[at] = (rates[at] ?? 0) + ok / seconds;
  }
  return rates;
}

test(
  "replicas whose ways to Redis fail at random use the quota, in equal parts, and exceed it in no second",
  { ...onBusyMachine, timeout: 120_000 },
  async () => {
    await restart([]);
    const random = createRandom(12);
    const pick = (most: number): number => Math.floor(random() * most);
    const played: Second[] = [];
    const plan: string[] = [];
    for (const [step, fault] of [...faults, ...faults.slice(1, 5)].entries()) {
      // One replica, some of them, then all; some ways heal before the next step and some do not.
      const count = step % 4 === 3 ? replicas : 1 + pick(replicas - 1);
      const from = pick(replicas);
      if (random() < 0.6) healAll();
      for (let each = 0; each < count; each += 1) disturb((from + each) % replicas, fault);
      plan.push(`${fault} for ${count} from ${from}`);
      const seconds = await judge(3 + pick(3));
      expect(busiestOf(seconds), plan.join("; ")).toBeLessThanOrEqual(1.05 * quota);
      played.push(...seconds);
    }
    healAll();
    const all = await untilCalm([...played, ...(await judge(5))]);
    // The mean needs no calm: what is sent late is sent once.
    expect(meanShare(all)).toBeLessThanOrEqual(1);
    expect(busiestOf(all)).toBeLessThanOrEqual(1.05 * quota);
    expect(usedShare(all)).toBeGreaterThanOrEqual(0.95);
    for (const rate of ratesOf(all)) expect(rate).toBeGreaterThanOrEqual(0.3 * quota);
    expect(failuresOf(all.flatMap(({ streams }) => streams))).toEqual({});
  },
);

test(
  "replicas are served by need, also while the way of one to Redis fails",
  { ...onBusyMachine, timeout: 90_000 },
  async () => {
    await restart([undefined, 15, 15]);
    await arena.measure(warmUpMs);
    const before = await judge(5);
    disturb(1, "silent");
    const during = await judge(5);
    disturb(1, undefined);
    const all = await untilCalm([...before, ...during, ...(await judge(5))]);
    expect(meanShare(all)).toBeLessThanOrEqual(1);
    expect(busiestOf(all)).toBeLessThanOrEqual(1.05 * quota);
    expect(usedShare(all)).toBeGreaterThanOrEqual(0.95);
    const [first = 0, second = 0, third = 0] = ratesOf(all);
    expect(first).toBeGreaterThanOrEqual(0.6 * quota);
    expect(Math.min(second, third)).toBeGreaterThanOrEqual(14);
    expect(failuresOf(all.flatMap(({ streams }) => streams))).toEqual({});
  },
);
