/** Members that share one quota through a real Redis in real time. The test sets their demand. */
import { performance } from "node:perf_hooks";
import type { Logger } from "pino";
import { systemClock } from "../../src/platform/clock.ts";
import { createLogger } from "../../src/observability/logging/logger.ts";
import { createQuotaShare, type QuotaShare } from "../../src/quota-share/quota-share.ts";
import { connectRedis, type RedisSettings } from "../../src/redis/connect-redis.ts";

/** One member's share and demand. */
export interface Member extends AsyncDisposable {
  readonly id: string;
  readonly share: QuotaShare;
  /** Its current rate. */
  readonly perSecond: number;
  wants: number;
}

export interface GroupSettings {
  readonly redis: RedisSettings;
  readonly ceilingPerSecond?: number;
  readonly replicas: number;
  readonly logger?: Logger;
}

/** A logger whose lines can be read. */
export function createLogSink(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const logger = createLogger({
    level: "trace",
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines };
}

/** Connects and starts a member that sends at its rate, up to its demand. */
export function startMember(id: string, wants: number, settings: GroupSettings): Member {
  const logger = settings.logger ?? createLogSink().logger;
  const deps = { logger, clock: systemClock, random: Math.random };
  const redis = connectRedis(settings.redis, deps);
  let perSecond = 0;
  const member: Member = {
    id,
    wants,
    get perSecond() {
      return perSecond;
    },
    share: createQuotaShare({
      ...deps,
      redis,
      instanceKey: "kp:{one}",
      memberId: id,
      quota: {
        ceilingPerSecond: settings.ceilingPerSecond,
        isFixed: false,
        longestHoldMs: 300_000,
      },
      replicas: settings.replicas,
      demand: () => ({
        needsPerSecond: member.wants,
        wantsPerSecond: member.wants,
        acceptedPerSecond: Math.min(member.wants, perSecond),
        throttledPerSecond: 0,
      }),
      apply: (limit) => {
        perSecond = limit.perSecond;
      },
    }),
    async [Symbol.asyncDispose]() {
      await member.share.close();
      await redis.close();
    },
  };
  member.share.start();
  return member;
}

/** Sum of the rates. */
export const sumOf = (members: readonly Member[]): number =>
  members.reduce((sum, { perSecond }) => sum + perSecond, 0);

/** Jain's index of fairness: 1 if all have the same. */
export function jainOf(members: readonly Member[]): number {
  const squares = members.reduce((sum, { perSecond }) => sum + perSecond ** 2, 0);
  return sumOf(members) ** 2 / (members.length * squares);
}

/** Least and greatest sum of the rates while the test waited. */
export interface Watch {
  readonly least: number;
  readonly most: number;
}

/** Reads the sum every 5 ms, for `ms` milliseconds or until `isDone`. */
export async function watch(
  members: readonly Member[],
  ms: number,
  isDone: () => boolean = () => false,
): Promise<Watch> {
  const end = performance.now() + ms;
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  while (performance.now() < end && !isDone()) {
    const sum = sumOf(members);
    least = Math.min(least, sum);
    most = Math.max(most, sum);
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  return { least, most };
}
