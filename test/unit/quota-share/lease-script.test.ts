/** A group of four members with the model of the script and a token bucket for an upstream. */
import { expect, test } from "vitest";
import { createDemandEstimate } from "../../../src/quota-share/demand-estimate.ts";
import { leaseMs } from "../../../src/quota-share/lease.ts";
import { createModelGroup, lend } from "../../support/lease-model.ts";

interface Scenario {
  readonly ceilingPerSecond?: number;
  /** Quota of the upstream in each second. */
  readonly quotaAt: (second: number) => number;
  readonly seconds: number;
}

interface Outcome {
  /** Accepted requests of each second. */
  readonly accepted: readonly number[];
  readonly throttled: readonly number[];
}

const tickMs = 10;
/** Requests per second of each member while nothing is known. */
const demandPerMember = 400;

/**
 * Runs four saturated members. Each renews its lease once a second, and at once after a rejection.
 */
function run({ ceilingPerSecond, quotaAt, seconds }: Scenario): Outcome {
  const group = createModelGroup();
  const members = ["a", "b", "c", "d"].map((memberId, at) => ({
    memberId,
    estimate: createDemandEstimate(0),
    rate: ((ceilingPerSecond ?? Number.POSITIVE_INFINITY) * 0.9) / 4,
    epoch: undefined as number | undefined,
    renewAt: at * 250,
    refusedAt: -1_000,
    credit: 0,
    sequence: 0,
  }));
  const accepted = Array.from({ length: seconds }, () => 0);
  const throttled = Array.from({ length: seconds }, () => 0);
  let tokens = 0;
  for (let now = 0; now < seconds * 1_000; now += tickMs) {
    const second = Math.floor(now / 1_000);
    const quota = quotaAt(second);
    tokens = Math.min(tokens + (quota * tickMs) / 1_000, Math.max(1, 0.05 * quota));
    for (const member of members) {
      const { estimate } = member;
      let isRefused = false;
      member.credit += (Math.min(member.rate, demandPerMember) * tickMs) / 1_000;
      for (; member.credit >= 1; member.credit -= 1) {
        estimate.arrived();
        if (tokens >= 1) {
          tokens -= 1;
          estimate.accepted(now);
          accepted[second] = (accepted[second] ?? 0) + 1;
        } else {
          isRefused = true;
          estimate.throttled(now);
          throttled[second] = (throttled[second] ?? 0) + 1;
        }
      }
      const isTold = isRefused && member.epoch !== undefined && now - member.refusedAt >= 300;
      if (isTold) member.refusedAt = now;
      if (now < member.renewAt && !isTold) continue;
      const lease = lend(
        group,
        {
          memberId: member.memberId,
          ...estimate.read(now, 50),
          hasPerSecond: member.rate,
          ceilingPerSecond,
          seedPerSecond: undefined,
          isSearching: false,
          refusedEpoch: isTold ? member.epoch : undefined,
          longestHoldMs: 300_000,
          replicas: 4,
          heardAt: member.sequence === 0 ? undefined : now,
          ageMs: now,
          sequence: (member.sequence += 1),
        },
        now + 1,
        leaseMs,
      );
      member.rate = lease.rate;
      member.epoch = lease.epoch;
      member.renewAt = now + (lease.rate < 0.9 * lease.share ? 250 : 1_000);
    }
  }
  return { accepted, throttled };
}

const mean = (values: readonly number[], from: number, to: number): number =>
  values.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from);

test("a group uses a known quota to 98 % without a refusal", () => {
  const { accepted, throttled } = run({ ceilingPerSecond: 100, quotaAt: () => 100, seconds: 60 });
  expect(mean(accepted, 10, 60)).toBeGreaterThanOrEqual(98);
  expect(mean(throttled, 0, 60)).toBe(0);
});

test("a group finds an unknown quota within seconds and holds it with at most one refusal in 1,000", () => {
  const { accepted, throttled } = run({ quotaAt: () => 100, seconds: 1_200 });
  expect(mean(accepted, 40, 60)).toBeGreaterThanOrEqual(90);
  expect(mean(accepted, 300, 1_200)).toBeGreaterThanOrEqual(97);
  expect(mean(throttled, 300, 1_200) / mean(accepted, 300, 1_200)).toBeLessThanOrEqual(0.001);
});

test("a group follows a drop of the quota within seconds and a rise within minutes", () => {
  const { accepted, throttled } = run({
    ceilingPerSecond: 100,
    quotaAt: (second) => (second >= 60 && second < 240 ? 60 : 100),
    seconds: 1_000,
  });
  expect(mean(throttled, 66, 240) / 60).toBeLessThanOrEqual(0.01);
  expect(mean(accepted, 66, 240)).toBeGreaterThanOrEqual(0.9 * 60);
  expect(mean(accepted, 600, 1_000)).toBeGreaterThanOrEqual(95);
});
