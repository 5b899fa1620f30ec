/**
 * Members that share a quota on driven time: the real loop of each member, the real bucket and
 * window, a way to Redis that can be disturbed, and the model of the lease script in place of
 * Redis.
 */
import { createLogger } from "../../src/observability/logging/logger.ts";
import { createDemandEstimate } from "../../src/quota-share/demand-estimate.ts";
import { createQuotaShare, type QuotaShare } from "../../src/quota-share/quota-share.ts";
import { createSlidingWindow } from "../../src/upstream/rate-limit/permits/sliding-window.ts";
import { createTokenBucket } from "../../src/upstream/rate-limit/permits/token-bucket.ts";
import { createDrivenClock, type DrivenClock } from "../support/driven-clock.ts";
import { createModelGroup } from "../support/lease-model.ts";
import { createFakeRedis } from "../unit/quota-share/fake-redis.ts";
import { createRandom, exponential } from "./random.ts";

/** How a member's messages to and from Redis fare. */
export interface Way {
  /** Time of a message one way, in milliseconds. */
  readonly ms: number;
  /** Which messages arrive. */
  readonly passes: "both" | "requests" | "replies" | "none";
}

export const goodWay: Way = { ms: 1, passes: "both" };

export interface MemberSettings {
  readonly id: string;
  /** Calls per second that come in; more than the quota for an endless queue. */
  wants: number;
  /** Whether calls come at random moments. Default: evenly. */
  readonly isRandom?: boolean;
  /** Time to the first call, in milliseconds. Default 0. */
  readonly startsInMs?: number;
  readonly ceilingPerSecond: number;
  readonly replicas: number;
}

export interface SimulatedMember extends MemberSettings {
  way: Way;
  readonly share: QuotaShare;
  readonly queued: number;
  /** Sends so far. */
  readonly sent: number;
  /** Stops sending and gives the lease back. */
  leave(): void;
  /** Stops at once. */
  crash(): void;
}

export interface SimulatedGroup {
  readonly clock: DrivenClock;
  readonly members: readonly SimulatedMember[];
  add(settings: MemberSettings): SimulatedMember;
  run(ms: number): Promise<void>;
  /** Times of all sends so far, in order. */
  readonly sends: readonly number[];
  /** Redis loses all its data. */
  flush(): void;
}

interface SteppedMember extends SimulatedMember {
  step(now: number): void;
}

const stepMs = 5;
/** As `connect-redis.ts` does it. */
const commandTimeoutMs = 200;
const longestSilenceMs = 800;
const connectTimeoutMs = 500;

/** Most sends within a second, from that send on. */
export function busiestSecond(sends: readonly number[], from = 0): number {
  let most = 0;
  let first = from;
  for (let last = from; last < sends.length; last += 1) {
    while ((sends[last] ?? 0) - (sends[first] ?? 0) >= 1_000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

export function createSimulatedGroup(seed: number): SimulatedGroup {
  const clock = createDrivenClock();
  const random = createRandom(seed);
  const { redis: server, group } = createFakeRedis(clock);
  const members: SteppedMember[] = [];
  const sends: number[] = [];

  /** A connection over a way that may change at any time. */
  function connect(way: () => Way): Parameters<typeof createQuotaShare>[0]["redis"] {
    let isConnected = false;
    let silentSince: number | undefined;
    const later = (ms: number): Promise<void> =>
      new Promise((resolve) => void clock.after(ms, resolve));
    const reconnect = async (): Promise<void> => {
      isConnected = false;
      silentSince = undefined;
      do await later(100 + 1_900 * random());
      while (way().passes !== "both" || 2 * way().ms > connectTimeoutMs);
      isConnected = true;
    };
    clock.after(2, () => void (way().passes === "both" ? (isConnected = true) : reconnect()));
    return {
      get isReady() {
        return isConnected;
      },
      async eval(_script, keys, args) {
        const there = way();
        const reply = (async (): Promise<unknown> => {
          await later(there.ms);
          if (there.passes === "none" || there.passes === "replies") return later(Infinity);
          // A request that Redis refuses as stale has no reply that anybody waits for.
          const answer = await server.eval("", keys, args).catch(() => undefined);
          const back = way();
          await later(back.ms);
          return back.passes === "none" || back.passes === "requests" ? later(Infinity) : answer;
        })();
        const outcome = await Promise.race([
          reply.then((value) => ({ value })),
          later(commandTimeoutMs).then(() => undefined),
        ]);
        if (outcome !== undefined) {
          silentSince = undefined;
          return outcome.value;
        }
        silentSince ??= clock.now();
        if (isConnected && clock.now() - silentSince >= longestSilenceMs) void reconnect();
        throw new Error("no reply");
      },
    };
  }

  function add(settings: MemberSettings): SimulatedMember {
    const { id, ceilingPerSecond, replicas, isRandom = false, startsInMs = 0 } = settings;
    const demand = createDemandEstimate(clock.now());
    const bucket = createTokenBucket({ now: clock.now(), rate: 1, catchUpFactor: 1.003 });
    const window = createSlidingWindow({ quota: 1 });
    let queued = 0;
    let sent = 0;
    let nextAt = clock.now() + startsInMs;
    let isOver = false;
    const member: SteppedMember = {
      ...settings,
      way: goodWay,
      share: createQuotaShare({
        redis: connect(() => member.way),
        instanceKey: "{one}",
        memberId: id,
        quota: { ceilingPerSecond, isFixed: true, longestHoldMs: 300_000 },
        replicas,
        clock,
        random,
        logger: createLogger({ level: "silent" }),
        demand: () => demand.read(clock.now(), queued),
        apply: ({ perSecond, windowPerSecond = perSecond }) => {
          bucket.setRate(clock.now(), perSecond);
          window.resize(windowPerSecond / 0.985);
        },
      }),
      get queued() {
        return queued;
      },
      get sent() {
        return sent;
      },
      leave() {
        isOver = true;
        void member.share.close();
      },
      crash() {
        isOver = true;
        member.way = { ms: 1, passes: "none" };
        void member.share.close();
      },
      step(now: number) {
        if (isOver) return;
        if (member.wants === 0) nextAt = now;
        for (; member.wants > 0 && nextAt <= now; nextAt += gap()) {
          demand.arrived();
          // A queue holds two seconds of work; further calls are rejected.
          if (queued < Math.max(20, 2 * member.share.state.ratePerSecond)) queued += 1;
        }
        while (queued > 0 && window.waitMs(now) === 0 && bucket.tryTake(now)) {
          window.take(now);
          sends.push(now);
          queued -= 1;
          sent += 1;
          demand.accepted(now);
        }
        bucket.setAwaited(now, queued > 0);
        if (queued > 0) member.share.onBacklog();
      },
    };
    const gap = (): number =>
      isRandom ? exponential(random, 1_000 / member.wants) : 1_000 / member.wants;
    member.share.start();
    members.push(member);
    return member;
  }

  return {
    clock,
    members,
    add,
    sends,
    async run(ms) {
      for (const end = clock.now() + ms; clock.now() < end;) {
        await clock.advance(stepMs);
        for (const member of members) member.step(clock.now());
      }
    },
    flush: () =>
      void Object.assign(group, createModelGroup(), { bornAt: undefined, quota: undefined }),
  };
}
