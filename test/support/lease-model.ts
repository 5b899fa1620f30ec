/** The lease script written again in TypeScript, for comparison with the real one. */
import type { LeaseRequest } from "../../src/quota-share/lease.ts";
import { groupConstants, rateConstants } from "../../src/upstream/rate-limit/adaptive/constants.ts";
import { isSevere } from "../../src/upstream/rate-limit/adaptive/response-counter.ts";

/** A group as the script stores it. Times are milliseconds of its own clock. */
export interface ModelGroup {
  readonly members: Map<string, ModelMember>;
  bornAt?: number;
  epoch: number;
  quota: number | undefined;
  safe: number;
  step: number;
  holdMs: number;
  dueAt: number;
  decreaseFrom: number;
  severeFrom: number;
}

interface ModelMember {
  readonly expiresAt: number;
  readonly wants: number;
  readonly has: number;
  readonly accepted: number;
  readonly throttled: number;
}

/** The request of a member that has a quarter of a quota of 100 per second. */
export const asking = (memberId: string, wantsPerSecond: number): LeaseRequest => ({
  memberId,
  wantsPerSecond,
  hasPerSecond: 25,
  acceptedPerSecond: 25,
  ceilingPerSecond: 100,
  seedPerSecond: undefined,
  isSearching: false,
  throttledPerSecond: 0,
  refusedEpoch: undefined,
  longestHoldMs: 300_000,
});

/** The reply to a member; `Infinity` for an unknown value. */
export interface ModelLease {
  readonly rate: number;
  readonly share: number;
  readonly members: number;
  readonly quota: number;
  readonly epoch: number;
}

const {
  margin,
  firstProbeIntervalMs,
  searchMs,
  probeSteps: steps,
  intervalGrowth,
  intervalGrowthAfterProbe,
} = rateConstants;
const { firstDecreaseGapMs: settleMs } = groupConstants;
const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

export const createModelGroup = (): ModelGroup => ({
  members: new Map(),
  epoch: 0,
  quota: undefined,
  safe: 0,
  step: 0,
  holdMs: firstProbeIntervalMs,
  dueAt: 0,
  decreaseFrom: 0,
  severeFrom: 0,
});

/** Max-min fair parts of `total`, in the order of `wants`. The rest is spread evenly. */
export function fairShares(wants: readonly number[], total: number): number[] {
  let left = total;
  const shares = wants.map(() => 0);
  let open = wants.map((want, at) => ({ want, at })).toSorted((a, b) => a.want - b.want);
  while (open.length > 0) {
    const part = left / open.length;
    const content = open.filter(({ want }) => want <= part);
    if (content.length === 0) {
      for (const { at } of open) shares[at] = part;
      return shares;
    }
    for (const { want, at } of content) {
      shares[at] = want;
      left -= want;
    }
    open = open.filter(({ want }) => want > part);
  }
  return shares.map((share) => share + left / wants.length);
}

/** Does the same as the script with the same request at the same time. */
export function lend(
  group: ModelGroup,
  request: LeaseRequest,
  now: number,
  leaseMs: number,
): ModelLease {
  const { memberId, ceilingPerSecond: ceiling } = request;
  const isHolder = (group.members.get(memberId)?.expiresAt ?? now) > now;
  for (const [id, { expiresAt }] of group.members) {
    if (id === memberId || expiresAt <= now) group.members.delete(id);
  }
  if (group.bornAt === undefined) {
    group.bornAt = now;
    group.epoch = now;
    group.dueAt = now;
  }
  // Other members may be sending without a lease.
  if (group.members.size === 0 && !isHolder) group.bornAt = now;
  const isSeeded = group.quota === undefined && request.seedPerSecond !== undefined;
  if (isSeeded) {
    group.quota = group.safe = request.seedPerSecond;
    group.step = request.isSearching ? steps.length : group.step;
    group.dueAt = now + (request.isSearching ? searchMs : group.holdMs);
  }
  const others = [...group.members.values()];
  const count = others.length + 1;
  const accepted = request.acceptedPerSecond + sum(others.map((each) => each.accepted));
  if (request.refusedEpoch === group.epoch && now >= group.decreaseFrom) {
    const throttled = request.throttledPerSecond + sum(others.map((each) => each.throttled));
    decrease(group, request, { now, count, accepted, throttled });
  } else {
    raise(group, ceiling, { now, accepted });
  }
  if (group.quota !== undefined && ceiling !== undefined) {
    group.quota = Math.min(group.quota, ceiling);
    group.safe = Math.min(group.safe, group.quota);
  }

  const quota = group.quota ?? ceiling ?? Number.POSITIVE_INFINITY;
  let rate = Number.POSITIVE_INFINITY;
  let share = Number.POSITIVE_INFINITY;
  if (quota < Number.POSITIVE_INFINITY) {
    const total = margin * quota;
    const least = Math.min(2, total / (2 * count));
    const wants = [request.wantsPerSecond, ...others.map((each) => each.wants)];
    [share = 0] = fairShares(
      wants.map((want) => Math.max(want, least)),
      total,
    );
    rate = Math.min(share, total - sum(others.map((each) => each.has)));
    if (now - group.bornAt < leaseMs) rate = Math.min(rate, request.hasPerSecond);
    rate = Math.max(rate, Math.min(0.5, total / (20 * count)));
  }
  group.members.set(memberId, {
    expiresAt: now + leaseMs,
    wants: request.wantsPerSecond,
    has: rate === Number.POSITIVE_INFINITY ? request.acceptedPerSecond : rate,
    accepted: request.acceptedPerSecond,
    throttled: request.throttledPerSecond,
  });
  return { rate, share, members: count, quota, epoch: group.epoch };
}

interface Moment {
  readonly now: number;
  readonly accepted: number;
}

function decrease(
  group: ModelGroup,
  { ceilingPerSecond, longestHoldMs }: LeaseRequest,
  {
    now,
    count,
    accepted,
    throttled,
  }: Moment & { readonly count: number; readonly throttled: number },
): void {
  const known = group.quota ?? ceilingPerSecond;
  let quota: number;
  group.decreaseFrom = now + rateConstants.decreaseGapMs;
  if (known === undefined) {
    quota = Math.max(accepted, groupConstants.leastSearchStart);
    group.step = steps.length;
    group.holdMs = firstProbeIntervalMs;
    group.dueAt = now + searchMs;
    group.decreaseFrom = now + settleMs;
    group.severeFrom = now + 2 * settleMs;
  } else {
    if (now >= group.severeFrom && isSevere({ accepted, throttled })) {
      const taken = (known * accepted) / (accepted + throttled);
      quota = Math.max(known / 2, taken);
      group.holdMs = firstProbeIntervalMs;
      group.decreaseFrom = now + settleMs;
      group.severeFrom = now + 2 * settleMs;
    } else if (group.step >= steps.length) {
      quota = Math.min(Math.max(accepted, group.safe), known * margin);
      group.holdMs = firstProbeIntervalMs;
    } else {
      quota = group.step > 0 ? group.safe : known * margin;
      group.holdMs = Math.min(
        group.holdMs * (group.step > 0 ? intervalGrowthAfterProbe : intervalGrowth),
        longestHoldMs,
      );
    }
    group.step = 0;
    group.dueAt = now + group.holdMs;
  }
  group.quota = group.safe = Math.max(quota, 0.5 * count);
  group.epoch += 1;
}

function raise(group: ModelGroup, ceiling: number | undefined, { now, accepted }: Moment): void {
  const { quota } = group;
  if (quota === undefined || now < group.dueAt) return;
  const isAtCeiling = ceiling !== undefined && quota >= ceiling;
  if (group.step === 0 && isAtCeiling) return;
  if (accepted < rateConstants.leastUse * margin * quota) {
    if (group.step < steps.length) {
      group.quota = group.safe;
      group.step = 0;
    }
    group.dueAt = now + 1_000;
    return;
  }
  group.safe = quota;
  group.step += 1;
  if (isAtCeiling) {
    group.step = 0;
    group.dueAt = now + group.holdMs;
  } else if (group.step <= steps.length) {
    group.quota = quota * (1 + (steps[group.step - 1] ?? 0));
    group.dueAt = now + rateConstants.probeMs;
  } else {
    group.quota = quota * rateConstants.searchFactor;
    group.holdMs = firstProbeIntervalMs;
    group.dueAt = now + searchMs;
  }
}
