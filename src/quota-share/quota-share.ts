/** Shares a quota among replicas. Each renews its lease once a second; no call waits for Redis. */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { Clock, Timer } from "../platform/clock.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";
import type { Demand } from "./demand-estimate.ts";
import { type Lease, type LeaseRequest, parseLease, toLeaseArgs } from "./lease.ts";
import { leaseScript, leaveScript } from "./lease-script.ts";
import { renewalMs } from "./renewal.ts";
import type { QuotaLimit } from "../upstream/rate-limit/adaptive/settings.ts";
import { createFallbackShare, type ShareKind } from "./fallback-share.ts";
import { createGroupLog } from "./group-log.ts";

/** The shared quota. */
export interface SharedQuota {
  /** The quota of all members together in requests per second, if the operator knows it. */
  readonly ceilingPerSecond?: number | undefined;
  /** Requests per second at which the search starts. Default: no limit until the first 429. */
  readonly initialPerSecond?: number | undefined;
  /** Whether no 429 lowers the quota. */
  readonly isFixed: boolean;
  /** Longest time without a probe for a larger quota, in milliseconds. */
  readonly longestHoldMs: number;
}

/** Settings and dependencies of a quota share. */
export interface QuotaShareOptions {
  readonly redis: Pick<RedisCommands, "eval" | "isReady">;
  /**
   * Name of the quota in this Redis, such as `kp:{<instance ID>}`. The braces keep its keys on one
   * node of a cluster.
   */
  readonly instanceKey: string;
  /** Unique among the members: 1 to 64 letters, digits and `._:-`. */
  readonly memberId: string;
  readonly quota: SharedQuota;
  /** Configured number of members, 1 or more. */
  readonly replicas: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Read at each renewal. */
  readonly demand: () => Demand;
  /** Called at the start and at each change. */
  readonly apply: (limit: QuotaLimit) => void;
}

/** Present state of a share, for `/state` and metrics. */
export interface QuotaShareState {
  readonly kind: ShareKind;
  readonly ratePerSecond: number;
  /** Members at the last lease; 1 without any. */
  readonly members: number;
  /** Members that the group keeps room for although it does not hear them; 0 without a lease. */
  readonly unheard: number;
  /** The ceiling that the group agreed on; absent without a lease or without a ceiling. */
  readonly ceilingPerSecond: number | undefined;
  /** Whether the configuration of this member differs from that of another. */
  readonly isDisputed: boolean;
  readonly epoch: number | undefined;
  /** Milliseconds since the last lease was asked for. */
  readonly ageMs: number | undefined;
}

/** One member's part of a quota that several gateways share. */
export interface QuotaShare {
  /** Applies the first limit and begins to ask for leases. Does not wait. */
  start(): void;
  /** Records a 429. */
  onThrottled(): void;
  /** Records that calls wait. Renews soon if the lease is less than what is due. */
  onBacklog(): void;
  /** Requests per second that the member can have within about a second; at least the rate. */
  readonly duePerSecond: number;
  readonly state: QuotaShareState;
  /** Ends, and gives the lease back if Redis can be reached. Takes 400 ms at most. */
  close(): Promise<void>;
}

/** The other members learn of a demand when they renew, so renewing more often gains nothing. */
const backlogRenewMs = 100;
/** Interval of the loop, which looks for a connection. A new member looks more often. */
const [tickMs, joinMs, joinTickMs] = [100, 300, 20];
/** 429s of one event come within the time of a few responses. */
const refusalGapMs = 300;

/** Creates an idle share. Throws a RangeError for a bad member ID or number of replicas. */
export function createQuotaShare(options: QuotaShareOptions): QuotaShare {
  const { redis, clock, random, logger, quota, memberId, replicas } = options;
  if (!/^[\w.:-]{1,64}$/.test(memberId)) throw new RangeError("not a usable member ID");
  if (!(replicas >= 1)) throw new RangeError(`replicas must be 1 or more, not ${replicas}`);
  const keys = [`${options.instanceKey}:quota`];
  const startedAt = clock.now();
  const fallback = createFallbackShare({ ...quota, replicas }, startedAt);
  const groupLog = createGroupLog(logger, quota.ceilingPerSecond);
  let applied: QuotaLimit | undefined;
  let timer: Timer | undefined;
  let isAsking = false;
  let isClosed = false;
  let renewAt = startedAt;
  let askedAt = Number.NEGATIVE_INFINITY;
  let refusedAt = Number.NEGATIVE_INFINITY;
  let refusedEpoch: number | undefined;
  let sequence = 0;

  /** Applies the present limit and logs where it comes from, if that has changed. */
  function follow(now: number): void {
    const limit = fallback.limit(now);
    if (!isDeepStrictEqual(limit, applied)) {
      applied = limit;
      options.apply(limit);
    }
    // The first reply of Redis may still come.
    if (fallback.lease === undefined && isJoining(now)) return;
    groupLog.follow(fallback.kind(now), limit.perSecond, fallback.lease, now);
  }

  const isJoining = (now: number): boolean => now - startedAt < joinMs;

  function tick(): void {
    if (isClosed) return;
    const now = clock.now();
    timer?.cancel();
    // Set first, so that an error below does not end the loop.
    timer = clock.after(restMsAt(now), tick);
    if (now >= renewAt && !isAsking) {
      if (redis.isReady) ask(now).catch(report);
      else if (!isJoining(now)) missed();
    }
    follow(now);
  }

  /** Milliseconds until the next tick. */
  function restMsAt(now: number): number {
    const tickAt = now + (isJoining(now) ? joinTickMs : tickMs);
    const changeAt = fallback.nextChangeAfter(now) ?? tickAt;
    return Math.min(tickAt, changeAt, renewAt > now ? renewAt : tickAt) - now;
  }

  const report = (error: unknown): void =>
    logger.error({ err: error }, "the share of the quota could not be renewed");

  function missed(): void {
    fallback.miss();
    // If it were reported late, the group would take it for a new 429.
    refusedEpoch = undefined;
  }

  function requestAt(now: number): LeaseRequest {
    const { lease } = fallback;
    const known = lease?.quotaPerSecond ?? Number.POSITIVE_INFINITY;
    const isFound = known < (lease?.ceilingPerSecond ?? Number.POSITIVE_INFINITY);
    const { ceilingPerSecond, initialPerSecond, longestHoldMs } = quota;
    return {
      memberId,
      ...options.demand(),
      hasPerSecond: fallback.limit(now).perSecond,
      ceilingPerSecond,
      seedPerSecond: isFound ? known : initialPerSecond,
      isSearching: !isFound,
      refusedEpoch,
      longestHoldMs,
      replicas,
      heardAt: lease?.timeMs,
      ageMs: now - startedAt,
      sequence: (sequence += 1),
    };
  }

  async function ask(now: number): Promise<void> {
    const request = requestAt(now);
    askedAt = now;
    refusedEpoch = undefined;
    isAsking = true;
    const lease = await requestLease(request);
    isAsking = false;
    if (isClosed) return;
    const answeredAt = clock.now();
    renewAt = answeredAt + renewalMs(request, lease, random);
    if (lease === undefined) {
      missed();
    } else {
      fallback.grant(lease, now, answeredAt);
      // A 429 came while the reply was on its way.
      if (refusedEpoch !== undefined) renewAt = answeredAt;
    }
    tick();
  }

  async function requestLease(request: LeaseRequest): Promise<Lease | undefined> {
    try {
      return parseLease(await redis.eval(leaseScript, keys, toLeaseArgs(request)));
    } catch {
      // The connection logs the reason.
      return undefined;
    }
  }

  return {
    start() {
      if (timer === undefined && !isClosed) tick();
    },
    onThrottled() {
      const now = clock.now();
      const epoch = fallback.lease?.epoch;
      if (quota.isFixed || epoch === undefined || now - refusedAt < refusalGapMs) return;
      if (fallback.kind(now) !== "lease") return;
      refusedAt = now;
      refusedEpoch = epoch;
      fallback.decrease();
      renewAt = now;
      tick();
    },
    onBacklog() {
      const now = clock.now();
      if (isAsking || now - askedAt < backlogRenewMs || renewAt <= now) return;
      if (fallback.kind(now) !== "lease" || fallback.limit(now).perSecond >= fallback.due(now))
        return;
      renewAt = now;
      tick();
    },
    get duePerSecond() {
      return fallback.due(clock.now());
    },
    get state() {
      const now = clock.now();
      return {
        kind: fallback.kind(now),
        ratePerSecond: fallback.limit(now).perSecond,
        members: fallback.lease?.members ?? 1,
        unheard: groupLog.unheard,
        ceilingPerSecond: fallback.lease?.ceilingPerSecond,
        isDisputed: groupLog.isDisputed,
        epoch: fallback.lease?.epoch,
        ageMs: fallback.ageMs(now),
      };
    },
    async close() {
      isClosed = true;
      timer?.cancel();
      if (!redis.isReady) return;
      try {
        await redis.eval(leaveScript, keys, [memberId]);
      } catch {
        // The other members get the part when the lease ends.
      }
    },
  };
}
