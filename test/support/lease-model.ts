/** The lease script written again in TypeScript, for comparison with the real one. */
import {
  highestPerSecond,
  leaseConstants,
  type Lease,
  type LeaseRequest,
} from "../../src/quota-share/lease.ts";
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
  joinedAt: number;
  top: number;
  isRegained: boolean;
  usedAt: number;
  regainAt: number;
  seenAt: number | undefined;
  strays: ModelStrays;
}

interface ModelStrays {
  at: number | undefined;
  accepted: number;
  refused: number;
  share: number;
  allowed: number;
  learnedAt: number;
}

interface ModelMember {
  readonly expiresAt: number;
  readonly wants: number;
  readonly needs: number;
  readonly has: number;
  readonly accepted: number;
  readonly throttled: number;
  readonly ceiling: number | undefined;
  readonly replicas: number;
  readonly heardAt: number;
  readonly sequence: number;
}

let requestsSoFar = 0;

/** The request of the only member of a quota of 100 per second, which has a quarter of it. */
export const asking = (memberId: string, wantsPerSecond: number): LeaseRequest => ({
  memberId,
  needsPerSecond: wantsPerSecond,
  wantsPerSecond,
  hasPerSecond: 25,
  acceptedPerSecond: 25,
  ceilingPerSecond: 100,
  seedPerSecond: undefined,
  isSearching: false,
  throttledPerSecond: 0,
  refusedEpoch: undefined,
  longestHoldMs: 300_000,
  replicas: 1,
  heardAt: undefined,
  ageMs: 0,
  sequence: (requestsSoFar += 1),
});

/** The reply to a member; `Infinity` for an unknown value. */
export interface ModelLease {
  readonly rate: number;
  readonly share: number;
  readonly members: number;
  readonly quota: number;
  readonly epoch: number;
  readonly ceiling: number | undefined;
  readonly size: number;
  readonly lent: number;
  readonly window: number;
  readonly sliceWindow: number;
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
const { quietMs, guardMs, leastShare, turnMs, stickiness, spread, nearly } = leaseConstants;
const { spareInWindows, windowSlack, mostAbove, changesInSecond } = leaseConstants;
const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** The lease that a member reads from the reply. */
export const toLease = (reply: ModelLease, timeMs: number): Lease => ({
  ratePerSecond: reply.rate,
  sharePerSecond: reply.share,
  members: reply.members,
  quotaPerSecond: reply.quota,
  epoch: reply.epoch,
  timeMs,
  ceilingPerSecond: reply.ceiling,
  size: reply.size,
  lentPerSecond: reply.lent,
  window: reply.window,
  sliceWindow: reply.sliceWindow,
});

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
  joinedAt: 0,
  top: 0,
  isRegained: false,
  usedAt: 0,
  regainAt: 0,
  seenAt: undefined,
  strays: { at: undefined, accepted: 0, refused: 0, share: 0, allowed: 0, learnedAt: 0 },
});

interface Wish {
  readonly needs: number;
  readonly wants: number;
}

/** Parts of `total`, in the order of the wishes: max-min fair by need, then by what is wanted. */
export function fairShares(wishes: readonly Wish[], total: number): number[] {
  const needed = sum(wishes.map(({ needs }) => needs));
  const wanted = sum(wishes.map(({ wants }) => wants));
  if (needed > total) {
    // The level at which the parts fill the total, by bisection.
    let [low, high] = [0, total];
    for (let round = 0; round < 200; round += 1) {
      const level = (low + high) / 2;
      if (sum(wishes.map(({ needs }) => Math.min(needs, level))) > total) high = level;
      else low = level;
    }
    return wishes.map(({ needs }) => Math.min(needs, low));
  }
  if (wanted > total) {
    const factor = (total - needed) / (wanted - needed);
    return wishes.map(({ needs, wants }) => needs + (wants - needs) * factor);
  }
  return wishes.map(({ wants }) => wants + (total - wanted) / wishes.length);
}

const wholeOf = (requests: number): number => Math.floor(requests + nearly);
interface Part {
  readonly id: string;
  readonly perSecond: number;
  readonly needs: number;
  readonly has: number;
}

/** The window of a rate that several members have, for the one at this place among them. */
function windowOf(perSecond: number, members: number, place: number, room: number): number {
  const requests = perSecond / margin;
  const whole = wholeOf(requests);
  if (whole < 1) return 1;
  const spare = wholeOf(room - members * whole);
  return requests - whole > windowSlack * whole && place < spare ? whole + 1 : whole;
}
const withSpare = (requests: number, of: number): number =>
  requests + Math.max(0.5, Math.min(spareInWindows * of, mostAbove * of - changesInSecond));

interface Division {
  /** The part of the first member. */
  readonly share: number;
  /** Its window if it has this rate. */
  windowAt(perSecond: number): number;
  /** Its place in the order of names. */
  readonly rank: number;
}

/** Rounds the parts of members that get what they need, and divides the rest evenly. */
function divide(parts: readonly Part[], total: number, now: number): Division {
  const ranked = parts.map(({ id }) => id).toSorted((a, b) => (a < b ? -1 : 1));
  const turn = Math.floor(now / turnMs);
  const isScarce = sum(parts.map(({ needs }) => needs)) > total;
  const isShort = ({ needs, perSecond }: Part): boolean => isScarce && needs > perSecond + nearly;
  const placeOf = ({ id }: Part): number => (ranked.indexOf(id) + turn) % parts.length;
  const rounded = (part: Part): number => {
    const requests = part.perSecond / margin;
    const whole = wholeOf(requests);
    if (whole < 1) return requests;
    const middle = 0.5 + spread * (placeOf(part) / parts.length - 0.5);
    const isUp = part.has >= margin * (whole + 1 - nearly);
    return requests - whole > middle + (isUp ? -stickiness : stickiness) ? whole + 1 : whole;
  };
  const short = parts.filter(isShort);
  const met = sum(parts.filter((part) => !isShort(part)).map(rounded));
  const room = Math.max(0, total / margin - met);
  const [mine = { id: "", perSecond: 0, needs: 0, has: 0 }] = parts;
  const share = margin * (isShort(mine) ? room / short.length : rounded(mine));
  const place = short.filter((part) => placeOf(part) < placeOf(mine)).length;
  return {
    share,
    windowAt: (perSecond) =>
      isShort(mine) && perSecond === share
        ? windowOf(perSecond, short.length, place, withSpare(room, total / margin))
        : windowOf(perSecond, 1, 0, 0),
    rank: ranked.indexOf(mine.id),
  };
}

/** Does the same as the script with the same request at the same time. */
export function lend(
  group: ModelGroup,
  request: LeaseRequest,
  now: number,
  leaseMs: number,
): ModelLease {
  const { memberId, hasPerSecond, acceptedPerSecond } = request;
  const before = group.members.get(memberId);
  if (before !== undefined && request.sequence <= before.sequence) throw new Error("STALE");
  const isHolder = before !== undefined && before.expiresAt > now;
  group.members.delete(memberId);
  const isQuiet = (heardAt: number): boolean => now >= heardAt + quietMs - leaseMs - guardMs;
  for (const [id, { expiresAt, heardAt }] of group.members) {
    if (expiresAt <= now && isQuiet(heardAt)) group.members.delete(id);
  }
  const others = [...group.members]
    .map(([id, each]) => ({ id, ...each }))
    .filter(({ expiresAt }) => expiresAt > now);
  const silent = [...group.members.values()].filter(({ expiresAt }) => expiresAt <= now);
  const ceilings = [request.ceilingPerSecond, ...others.map((each) => each.ceiling)];
  const lowest = Math.min(...ceilings.map((each) => each ?? Number.POSITIVE_INFINITY));
  const ceiling = lowest === Number.POSITIVE_INFINITY ? undefined : lowest;
  const replicas = Math.max(request.replicas, ...others.map((each) => each.replicas));
  if (group.bornAt === undefined) {
    group.bornAt = now;
    group.epoch = now;
    group.dueAt = now;
  }
  // Other members may be sending without a lease.
  if (others.length === 0 && !isHolder && ceiling === undefined) group.bornAt = now;
  const isSeeded = group.quota === undefined && request.seedPerSecond !== undefined;
  if (isSeeded) {
    group.quota = group.safe = request.seedPerSecond;
    group.step = request.isSearching ? steps.length : group.step;
    group.dueAt = now + (request.isSearching ? searchMs : group.holdMs);
  }
  const count = others.length + 1;
  if (before === undefined) group.joinedAt = now;
  const isDoubted = (each: ModelMember): boolean => each.expiresAt - leaseMs < group.joinedAt;
  const certain = 1 + others.filter((each) => !isDoubted(each)).length;
  const size = Math.max(replicas, certain);
  const reserveOf = (perSecond: number): number => {
    const part = (margin * perSecond) / size;
    const kept = [
      ...silent.filter((each) => !isDoubted(each)).map(({ has }) => Math.min(has, part)),
      ...others.filter(isDoubted).map(({ has }) => Math.max(0, part - has)),
    ].toSorted((a, b) => b - a);
    const missing = ceiling === undefined ? 0 : part;
    return sum(Array.from({ length: size - certain }, (_, at) => kept[at] ?? missing));
  };
  const accepted = acceptedPerSecond + sum(others.map((each) => each.accepted));
  countStrays(group, now, accepted);
  if (request.refusedEpoch === group.epoch && now >= group.decreaseFrom) {
    const throttled = request.throttledPerSecond + sum(others.map((each) => each.throttled));
    const known = group.quota ?? ceiling;
    const reserved = known === undefined ? 0 : reserveOf(known);
    const moment = { now, count, accepted, throttled, reserved };
    decrease(group, { ...request, ceilingPerSecond: ceiling }, moment);
  } else {
    const reserved = group.quota === undefined ? 0 : reserveOf(group.quota);
    raise(group, ceiling, { now, accepted: accepted + reserved });
  }
  if (group.quota !== undefined && ceiling !== undefined) {
    group.quota = Math.min(group.quota, ceiling);
    group.safe = Math.min(group.safe, group.quota);
  }
  if (group.quota !== undefined) group.top = Math.max(group.top, group.quota);

  const quota = group.quota ?? ceiling ?? Number.POSITIVE_INFINITY;
  const has = hasPerSecond > highestPerSecond ? acceptedPerSecond : hasPerSecond;
  let rate = Number.POSITIVE_INFINITY;
  let share = Number.POSITIVE_INFINITY;
  let lent = Number.POSITIVE_INFINITY;
  let window = Number.POSITIVE_INFINITY;
  let sliceWindow = Number.POSITIVE_INFINITY;
  let part = 0;
  if (quota < Number.POSITIVE_INFINITY) {
    part = (margin * quota) / size;
    lent = margin * quota - reserveOf(quota);
    const least = Math.min(2, (leastShare * lent) / count);
    const mine = { needs: request.needsPerSecond, wants: request.wantsPerSecond };
    const wishes = [mine, ...others].map(({ needs, wants }) => ({
      needs: Math.max(needs, least),
      wants: Math.max(needs, wants, least),
    }));
    const names = [memberId, ...others.map(({ id }) => id)];
    const holdings = [has, ...others.map((each) => each.has)];
    const parts = fairShares(wishes, lent).map((perSecond, at) => ({
      id: names[at] ?? "",
      perSecond,
      needs: wishes[at]?.needs ?? 0,
      has: holdings[at] ?? 0,
    }));
    const division = divide(parts, lent, now);
    share = division.share;
    const free = lent - sum(others.map((each) => each.has));
    rate = share <= free + nearly ? share : free;
    if (now - group.bornAt < leaseMs) {
      rate = Math.min(rate, request.heardAt === undefined ? Math.max(has, part) : has);
    }
    rate = Math.max(rate, Math.min(0.5, least));
    window = division.windowAt(rate);
    sliceWindow = windowOf(part, size, division.rank, withSpare(quota, quota));
  }
  group.seenAt = now;
  const heardAt = Math.min(request.heardAt ?? now - request.ageMs, now);
  const holds = rate === Number.POSITIVE_INFINITY ? acceptedPerSecond : Math.max(rate, has);
  group.members.set(memberId, {
    expiresAt: now + leaseMs,
    wants: request.wantsPerSecond,
    needs: request.needsPerSecond,
    has: isQuiet(heardAt) ? Math.max(holds, part) : holds,
    accepted: acceptedPerSecond,
    throttled: request.throttledPerSecond,
    ceiling: request.ceilingPerSecond,
    replicas: request.replicas,
    heardAt,
    sequence: request.sequence,
  });
  const { epoch } = group;
  return { rate, share, members: count, quota, epoch, ceiling, size, lent, window, sliceWindow };
}

interface Moment {
  readonly now: number;
  readonly accepted: number;
}

function countStrays({ strays, ...group }: ModelGroup, now: number, accepted: number): void {
  const elapsed = Math.max(0, Math.min(now - (group.seenAt ?? now), 3_000)) / 1_000;
  strays.at ??= now;
  if (now - strays.learnedAt > rateConstants.forgetStraysMs) strays.share = strays.allowed = 0;
  strays.accepted += accepted * elapsed;
  const allowed = strays.allowed + strays.share * accepted * elapsed;
  strays.allowed = Math.min(rateConstants.mostStraysInRow, allowed);
}

function isStray({ strays, top }: ModelGroup, now: number, perSecond: number): boolean {
  if (perSecond < top) {
    strays.refused += 1;
    const seconds = (now - (strays.at ?? now)) / 1_000;
    const average = seconds > 1 ? (strays.accepted * (1 - 1 / seconds)) / seconds : 0;
    const share = strays.refused / (strays.accepted + strays.refused);
    const isLow = margin * perSecond < average * rateConstants.strayCertainty;
    if (isLow && share >= rateConstants.leastStrayShare) {
      strays.share = Math.min(share * rateConstants.strayTolerance, rateConstants.mostStrayShare);
      strays.learnedAt = now;
    }
  } else Object.assign(strays, { at: now, accepted: 0, refused: 0 });
  if (strays.allowed < 1) return false;
  strays.allowed -= 1;
  return true;
}

function decrease(
  group: ModelGroup,
  { ceilingPerSecond, longestHoldMs }: LeaseRequest,
  {
    now,
    count,
    accepted,
    throttled,
    reserved,
  }: Moment & { readonly count: number; readonly throttled: number; readonly reserved: number },
): void {
  const known = group.quota ?? ceilingPerSecond;
  let quota: number;
  group.decreaseFrom = now + rateConstants.decreaseGapMs;
  const isDrop = now >= group.severeFrom && isSevere({ accepted, throttled });
  const isUsed =
    now < group.usedAt + groupConstants.usedMs ||
    accepted + throttled + 1 + reserved >= rateConstants.leastUse * margin * (known ?? 0);
  if (known !== undefined && !isDrop && isStray(group, now, known)) {
    if (known >= group.top) return;
    group.isRegained = true;
    group.regainAt = now + groupConstants.regainMs;
    group.holdMs = firstProbeIntervalMs;
    return;
  }
  if (known === undefined) {
    group.isRegained = accepted < groupConstants.leastSearchStart;
    group.regainAt = now + groupConstants.regainMs;
    quota = group.isRegained ? groupConstants.leastUnproven : accepted;
    group.top = group.isRegained ? highestPerSecond : quota;
    group.step = steps.length;
    group.holdMs = firstProbeIntervalMs;
    group.dueAt = now + searchMs;
    group.decreaseFrom = now + settleMs;
    group.severeFrom = now + 2 * settleMs;
  } else if (!isUsed) {
    const least = Math.min(known, groupConstants.leastUnproven);
    group.top = group.step >= steps.length ? highestPerSecond : Math.max(group.top, known);
    group.isRegained = true;
    group.regainAt = now + groupConstants.regainMs;
    group.holdMs = firstProbeIntervalMs;
    if (isDrop) {
      quota = Math.max(known / 2, accepted, least);
      group.decreaseFrom = now + settleMs;
      group.severeFrom = now + 2 * settleMs;
    } else if (group.step > 0 && group.step < steps.length) {
      quota = group.safe;
      group.step = 0;
      group.dueAt = now + group.holdMs;
    } else quota = Math.max(known * margin, least);
    quota = Math.min(quota, known);
  } else {
    group.isRegained = false;
    group.usedAt = now;
    if (isDrop) {
      const taken = (known * accepted) / (accepted + throttled);
      quota = Math.max(known / 2, taken);
      group.holdMs = firstProbeIntervalMs;
      group.decreaseFrom = now + settleMs;
      group.severeFrom = now + 2 * settleMs;
      group.top = quota;
    } else if (group.step >= steps.length) {
      quota = Math.min(Math.max(accepted, group.safe), known * margin);
      group.holdMs = firstProbeIntervalMs;
      group.top = quota;
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
  if (quota !== undefined && group.isRegained) {
    const isUsed = accepted + 1 >= rateConstants.leastUse * margin * quota;
    if (now < group.regainAt || !isUsed) return;
    group.safe = quota;
    group.quota = Math.min(quota * rateConstants.regainFactor, group.top);
    group.regainAt = now + groupConstants.regainMs;
    group.isRegained = group.quota < group.top;
    if (!group.isRegained) group.dueAt = now + group.holdMs;
    return;
  }
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
  group.top = Math.max(group.top, quota);
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
