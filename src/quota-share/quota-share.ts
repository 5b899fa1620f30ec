/** Shares a quota among replicas. Each renews its lease once a second; no call waits for Redis. */
import type { Logger } from "pino";
import type { Clock, Timer } from "../platform/clock.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";
import type { Demand } from "./demand-estimate.ts";
import { type Lease, type LeaseRequest, parseLease, toLeaseArgs } from "./lease.ts";
import { leaseScript, leaveScript } from "./lease-script.ts";
import type { QuotaLimit } from "../upstream/rate-limit/adaptive/settings.ts";
import { createFallbackShare, joinMs, type ShareKind } from "./fallback-share.ts";

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

const renewMs = 1_000;
/** While the other members have not yet made room for the whole share. */
const waitingRenewMs = 250;
/** The other members learn of a demand when they renew, so renewing more often gains nothing. */
const backlogRenewMs = 100;
/** Interval of the loop: it looks for a connection, and raises the rate after a fallback. */
const tickMs = 100;
const joinTickMs = 20;
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
  let applied: QuotaLimit | undefined;
  let loggedKind: ShareKind | undefined;
  let timer: Timer | undefined;
  let isAsking = false;
  let isClosed = false;
  let renewAt = startedAt;
  let askedAt = Number.NEGATIVE_INFINITY;
  let refusedAt = Number.NEGATIVE_INFINITY;
  let refusedEpoch: number | undefined;

  /** Applies the present limit and logs where it comes from, if that has changed. */
  function follow(now: number): void {
    const limit = fallback.limit(now);
    if (limit.perSecond !== applied?.perSecond || limit.mayProbe !== applied.mayProbe) {
      applied = limit;
      options.apply(limit);
    }
    const kind = fallback.kind(now);
    // The first reply of Redis may still come.
    if (kind === loggedKind || (loggedKind === undefined && kind === "static" && isJoining(now)))
      return;
    loggedKind = kind;
    const line = { kind, ratePerSecond: limit.perSecond, members: fallback.lease?.members };
    if (kind === "lease") logger.info(line, "the quota is shared by lease");
    else logger.warn(line, "the quota is shared without Redis");
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
    const due = [renewAt, fallback.endsAt].filter((at) => at > now);
    return Math.min(tickAt, ...due) - now;
  }

  const report = (error: unknown): void =>
    logger.error({ err: error }, "the share of the quota could not be renewed");

  function missed(): void {
    fallback.miss();
    // If it were reported late, the group would take it for a new 429.
    refusedEpoch = undefined;
  }

  function requestAt(now: number): LeaseRequest {
    const known = fallback.lease?.quotaPerSecond;
    const isFound = known !== undefined && Number.isFinite(known);
    const { ceilingPerSecond, initialPerSecond, longestHoldMs } = quota;
    return {
      memberId,
      ...options.demand(),
      hasPerSecond: fallback.has(now),
      ceilingPerSecond,
      seedPerSecond: isFound && known !== ceilingPerSecond ? known : initialPerSecond,
      isSearching: !isFound,
      refusedEpoch,
      longestHoldMs,
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
    const isWaiting = lease !== undefined && lease.ratePerSecond < 0.9 * lease.sharePerSecond;
    renewAt = answeredAt + (isWaiting ? waitingRenewMs : renewMs * (0.9 + 0.2 * random()));
    if (lease === undefined) {
      missed();
    } else {
      fallback.grant(lease, now, answeredAt);
      // A 429 came while the reply was on its way.
      if (refusedEpoch !== undefined) renewAt = answeredAt;
    }
    follow(answeredAt);
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
