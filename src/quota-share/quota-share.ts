/** Replicas on one quota. Redis is asked once a second, never by a call, and no call ever waits for it. */
import type { Logger } from "pino";
import type { Clock, Timer } from "../platform/clock.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";
import type { Demand } from "./demand-estimate.ts";
import { type Lease, type LeaseRequest, parseLease, toLeaseArgs } from "./lease.ts";
import { leaseScript, leaveScript } from "./lease-script.ts";
import type { QuotaLimit } from "../upstream/rate-limit/adaptive/settings.ts";
import { createFallbackShare, joinMs, type ShareKind } from "./fallback-share.ts";

/** The quota that is shared. */
export interface SharedQuota {
  /** The quota of all members together, if the operator knows it. */
  readonly ceilingPerSecond?: number | undefined;
  /** Where the search for an unknown quota starts. Default: without a bound, until the first 429. */
  readonly initialPerSecond?: number | undefined;
  /** Whether the quota is kept whatever Key Protect answers. */
  readonly isFixed: boolean;
  /** Longest time without trying whether the quota has grown, in milliseconds. */
  readonly longestHoldMs: number;
}

/** What a share of a quota is made of. */
export interface QuotaShareOptions {
  readonly redis: Pick<RedisCommands, "eval" | "isReady">;
  /** Names the quota among all that share this Redis, such as `kp:{<instance ID>}`; the braces keep its keys together in a cluster. */
  readonly instanceKey: string;
  /** Unique among the members: up to 64 letters, digits and `._:-`. */
  readonly memberId: string;
  readonly quota: SharedQuota;
  /** Members that there are meant to be; 1 or more. */
  readonly replicas: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** Asked once per renewal. */
  readonly demand: () => Demand;
  /** Called at the start and with each change. The rate is what may really be sent: the margin is taken off already. */
  readonly apply: (limit: QuotaLimit) => void;
}

/** What there is to see of a share. */
export interface QuotaShareState {
  readonly kind: ShareKind;
  readonly ratePerSecond: number;
  /** As of the last lease; 1 without any. */
  readonly members: number;
  readonly epoch: number | undefined;
  /** Since the last lease was asked for. */
  readonly ageMs: number | undefined;
}

/** One member's part of a quota that several gateways share. */
export interface QuotaShare {
  /** Applies the first limit and begins to ask for leases. Waits for nothing. */
  start(): void;
  /** Takes note of a 429. */
  onThrottled(): void;
  /** Takes note that calls wait: asks soon if the lease is less than what is due. */
  onBacklog(): void;
  /** What there will be within about a second if calls wait, in requests per second; never less than the rate. */
  readonly duePerSecond: number;
  readonly state: QuotaShareState;
  /** Gives its part back, if Redis can be told, and ends. Takes 400 ms at most. */
  close(): Promise<void>;
}

const renewMs = 1_000;
/** While the others have not yet made room for all that is due. */
const waitingRenewMs = 250;
/** The others hear of what a member needs when they ask themselves, so asking more often helps nobody. */
const backlogRenewMs = 100;
/** While there is no connection; and how a ramp is walked up. */
const lookMs = 100;
const joinLookMs = 20;
/** The refusals of one event come within the time of a few answers. */
const refusalGapMs = 300;

/** Starts idle. Throws a RangeError for a member ID or a number of replicas that make no sense. */
export function createQuotaShare(options: QuotaShareOptions): QuotaShare {
  const { redis, clock, random, logger, quota, memberId, replicas } = options;
  if (!/^[\w.:-]{1,64}$/.test(memberId)) throw new RangeError("not a usable member ID");
  if (!(replicas >= 1)) throw new RangeError(`replicas must be 1 or more, not ${replicas}`);
  const keys = [`${options.instanceKey}:quota`];
  const startedAt = clock.now();
  const fallback = createFallbackShare(
    {
      ceilingPerSecond: quota.ceilingPerSecond,
      initialPerSecond: quota.initialPerSecond,
      replicas,
    },
    startedAt,
  );
  let applied: QuotaLimit | undefined;
  let said: ShareKind | undefined;
  let timer: Timer | undefined;
  let isAsking = false;
  let isClosed = false;
  let renewAt = startedAt;
  let askedAt = Number.NEGATIVE_INFINITY;
  let refusedAt = Number.NEGATIVE_INFINITY;
  let refusedEpoch: number | undefined;

  /** Puts the present limit into force and says where it comes from, if that has changed. */
  function follow(now: number): void {
    const limit = fallback.limit(now);
    if (limit.perSecond !== applied?.perSecond || limit.mayProbe !== applied.mayProbe) {
      applied = limit;
      options.apply(limit);
    }
    const kind = fallback.kind(now);
    // What the first answer will be is not known yet.
    if (kind === said || (said === undefined && kind === "static" && isJoining(now))) return;
    said = kind;
    const line = { kind, ratePerSecond: limit.perSecond, members: fallback.lease?.members };
    if (kind === "lease") logger.info(line, "the quota is shared by lease");
    else logger.warn(line, "the quota is shared without Redis");
  }

  const isJoining = (now: number): boolean => now - startedAt < joinMs;

  function turn(): void {
    if (isClosed) return;
    const now = clock.now();
    timer?.cancel();
    // Set first: whatever is thrown below, the next turn comes.
    timer = clock.after(restMsAt(now), turn);
    if (now >= renewAt && !isAsking) {
      if (redis.isReady) ask(now).catch(report);
      else if (!isJoining(now)) missed();
    }
    follow(now);
  }

  /** Until the next thing that is due, or until it is time to look whether there is a connection. */
  function restMsAt(now: number): number {
    const lookAt = now + (isJoining(now) ? joinLookMs : lookMs);
    const due = [renewAt, fallback.endsAt].filter((at) => at > now);
    return Math.min(lookAt, ...due) - now;
  }

  const report = (error: unknown): void =>
    logger.error({ err: error }, "the share of the quota could not be renewed");

  function missed(): void {
    fallback.miss();
    // A refusal that is told late would be taken for a new one.
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
    const lease = await lend(request);
    isAsking = false;
    if (isClosed) return;
    const answeredAt = clock.now();
    const isWaiting = lease !== undefined && lease.ratePerSecond < 0.9 * lease.sharePerSecond;
    renewAt = answeredAt + (isWaiting ? waitingRenewMs : renewMs * (0.9 + 0.2 * random()));
    if (lease === undefined) {
      missed();
    } else {
      fallback.grant(lease, now, answeredAt);
      // Refused while the answer was on its way.
      if (refusedEpoch !== undefined) renewAt = answeredAt;
    }
    follow(answeredAt);
  }

  async function lend(request: LeaseRequest): Promise<Lease | undefined> {
    try {
      return parseLease(await redis.eval(leaseScript, keys, toLeaseArgs(request)));
    } catch {
      // The connection has said why.
      return undefined;
    }
  }

  return {
    start() {
      if (timer === undefined && !isClosed) turn();
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
      turn();
    },
    onBacklog() {
      const now = clock.now();
      if (isAsking || now - askedAt < backlogRenewMs || renewAt <= now) return;
      if (fallback.kind(now) !== "lease" || fallback.limit(now).perSecond >= fallback.due(now))
        return;
      renewAt = now;
      turn();
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
        // The part falls back to the others when its lease ends.
      }
    },
  };
}
