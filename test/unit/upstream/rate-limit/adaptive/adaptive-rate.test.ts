import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAdaptiveRate } from "../../../../../src/upstream/rate-limit/adaptive/adaptive-rate.ts";
import type { AdaptiveRate } from "../../../../../src/upstream/rate-limit/adaptive/rate-state.ts";
import type { QuotaSettings } from "../../../../../src/upstream/rate-limit/adaptive/settings.ts";

const adaptive: QuotaSettings = { mode: "adaptive" };
const known: QuotaSettings = { mode: "down-only", ceilingPerSecond: 100 };

const create = (settings: QuotaSettings, random = 0): AdaptiveRate =>
  createAdaptiveRate(settings, { now: 0, random: () => random });

/** Accepts `use` of the rate from one time to another, and advances every 100 ms. */
function serve(controller: AdaptiveRate, from: number, to: number, use = 1): number {
  let owed = 0;
  for (let now = from + 100; now <= to; now += 100) {
    owed += (controller.rate * use) / 10;
    for (; owed >= 1; owed--) controller.onAccepted(now);
    controller.advance(now);
  }
  return to;
}

/** Rejects `count` requests, one per millisecond. */
function refuse(
  controller: AdaptiveRate,
  from: number,
  count: number,
  retryAfterMs?: number,
): number {
  for (let index = 0; index < count; index++) controller.onThrottled(from + index, retryAfterMs);
  controller.advance(from + count);
  return from + count;
}

/** Rejects requests at intervals until that time. */
function refuseUntil(controller: AdaptiveRate, from: number, to: number, everyMs = 10): number {
  for (let now = from; now <= to; now += everyMs) {
    controller.onThrottled(now, undefined);
    controller.advance(now);
  }
  return to;
}

/** Accepts `passing` of every four requests that the controller would send. */
function overload(controller: AdaptiveRate, from: number, ms: number, passing: number): number {
  let now = from;
  for (let index = 0; now < from + ms; index++) {
    now += 1000 / controller.rate;
    if (index % 4 < passing) controller.onAccepted(now);
    else controller.onThrottled(now, undefined);
    controller.advance(now);
  }
  return now;
}

/** At 197 × 0.985 in a hold of 30 s that began at 1,001 ms, below a ceiling of 200. */
function held(): AdaptiveRate {
  const controller = create({ ...known, ceilingPerSecond: 200 });
  serve(controller, 0, 1_000);
  refuse(controller, 1_001, 1);
  return controller;
}

/** The rate is 30 × 0.985 since 2,790 ms, which is what one window accepted. */
const found = (): AdaptiveRate => {
  const controller = create(known);
  refuseUntil(controller, serve(controller, 0, 2_000) + 10, 2_210);
  for (let index = 0; index < 30; index++) controller.onAccepted(2_510 + index * 10);
  refuseUntil(controller, 2_810, 2_890);
  return controller;
};

describe("start", () => {
  test("a known ceiling is used to 98.5 % at once", () => {
    const controller = create(known);
    expect(controller).toMatchObject({ rate: 98.5, safeRate: 98.5, phase: "hold" });
  });

  test("the search for an unknown quota starts at 20 per second", () => {
    expect(create(adaptive)).toMatchObject({ rate: 20, phase: "slow-start" });
  });

  test("the search starts at the configured rate and ends at the ceiling", () => {
    const settings = { mode: "adaptive", initialPerSecond: 50, ceilingPerSecond: 60 } as const;
    const controller = create(settings);
    expect(controller).toMatchObject({ rate: 50, phase: "slow-start" });
    serve(controller, 0, 60_000);
    expect(controller).toMatchObject({ rate: 60 * 0.985, safeRate: 60 * 0.985, phase: "hold" });
  });

  test("a ceiling below the start value is held without a search", () => {
    expect(create({ mode: "adaptive", ceilingPerSecond: 10 })).toMatchObject({
      rate: 9.85,
      phase: "hold",
    });
  });

  test("a rate without start value and ceiling is unlimited until the first 429, then the search starts at what was accepted", () => {
    const controller = create({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY });
    for (let now = 0; now < 60_000; now += 5) {
      controller.onAccepted(now);
      controller.advance(now);
    }
    expect(controller).toMatchObject({ rate: Number.POSITIVE_INFINITY, phase: "hold" });
    controller.onThrottled(60_000, undefined);
    controller.advance(60_000);
    expect(controller.phase).toBe("slow-start");
    expect(controller.rate / (200 * 0.985)).toBeCloseTo(1, 1);
  });

  test("a refusal of the very first request starts the search at ten per second", () => {
    const controller = create({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY });
    controller.onThrottled(10, undefined);
    controller.advance(10);
    expect(controller).toMatchObject({ rate: 10 * 0.985, phase: "slow-start" });
  });

  test.for([0, -1, Number.NaN])("a start value of %d is rejected", (initialPerSecond) => {
    expect(() => create({ mode: "adaptive", initialPerSecond })).toThrow(RangeError);
  });

  test.for([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    "a ceiling or probe interval of %d is rejected",
    (ceilingPerSecond) => {
      expect(() => create({ mode: "fixed", ceilingPerSecond })).toThrow(RangeError);
      expect(() => create({ ...known, longestHoldMs: ceilingPerSecond })).toThrow(RangeError);
    },
  );
});

describe("slow start", () => {
  test("a search grows by a quarter every two seconds of use", () => {
    const controller = create(adaptive);
    serve(controller, 0, 2_000);
    expect(controller.rate).toBe(25);
    expect(controller.safeRate).toBe(20);
    serve(controller, 2_000, 4_000);
    expect(controller.rate).toBe(31.25);
  });

  test("a search does not grow while less than four fifths of its rate are used", () => {
    const controller = create(adaptive);
    serve(controller, 0, 60_000, 0.75);
    expect(controller).toMatchObject({ rate: 20, phase: "slow-start" });
  });

  test("a search ends at the first refusal, between the last step that passed and the present one", () => {
    const controller = create(adaptive);
    const now = serve(controller, 0, 10_500);
    expect(controller.rate).toBeCloseTo(61.04, 2);
    refuse(controller, now + 1, 1);
    expect(controller.phase).toBe("hold");
    expect(controller.rate).toBeGreaterThanOrEqual(48.82);
    expect(controller.rate).toBeLessThanOrEqual(61.04 * 0.985);
    expect(controller.safeRate).toBe(controller.rate);
  });
});

describe("hold and probe", () => {
  test("a refusal lowers a held rate by 1.5 %", () => {
    expect(held()).toMatchObject({ rate: 197 * 0.985, safeRate: 197 * 0.985, phase: "hold" });
  });

  test("refusals within 300 ms lower the rate once", () => {
    const controller = held();
    refuse(controller, 1_100, 1);
    controller.onAccepted(1_150);
    refuse(controller, 1_300, 1);
    expect(controller.rate).toBe(197 * 0.985);
    refuse(controller, 1_301, 1);
    expect(controller.rate).toBeCloseTo(197 * 0.985 ** 2, 10);
  });

  test("a held rate is probed one percent higher after the probe interval", () => {
    const controller = held();
    serve(controller, 1_100, 30_900);
    expect(controller).toMatchObject({ rate: 197 * 0.985, phase: "hold" });
    serve(controller, 30_900, 33_500);
    expect(controller.phase).toBe("probe");
    expect(controller.rate).toBeCloseTo(197 * 0.985 * 1.01, 10);
    expect(controller.safeRate).toBe(197 * 0.985);
  });

  test("a probe does not exceed the ceiling, and the rate stays there", () => {
    const controller = held();
    serve(controller, 1_100, 120_000);
    expect(controller).toMatchObject({ rate: 197, safeRate: 197, phase: "hold" });
  });

  test("a refused probe returns to the safe rate and doubles the probe interval", () => {
    const controller = held();
    const probing = serve(controller, 1_100, 33_500);
    refuse(controller, probing + 1, 1);
    expect(controller).toMatchObject({ rate: 197 * 0.985, phase: "hold" });
    serve(controller, probing + 100, probing + 59_000);
    expect(controller.phase).toBe("hold");
    serve(controller, probing + 59_000, probing + 63_000);
    expect(controller.phase).toBe("probe");
  });

  test("a probe that is not used ends and does not become the safe rate", () => {
    const controller = held();
    const probing = serve(controller, 1_100, 33_500);
    serve(controller, probing, probing + 20_000, 0.5);
    expect(controller).toMatchObject({ phase: "hold", rate: 197 * 0.985, safeRate: 197 * 0.985 });
    serve(controller, probing + 20_000, probing + 23_000);
    expect(controller.phase).toBe("probe");
  });

  test("probe steps of 1, 2, 4, 8 and 8 % lead back into a search", () => {
    const controller = create({ mode: "adaptive", initialPerSecond: 100 });
    let now = serve(controller, 0, 1_500);
    refuse(controller, now + 1, 1);
    const base = controller.rate;
    const seen = new Set<number>();
    for (; controller.phase !== "slow-start"; now += 100) {
      serve(controller, now, now + 100);
      if (controller.phase === "probe") seen.add(controller.rate);
    }
    const steps = [1.01, 1.02, 1.04, 1.08, 1.08];
    const rates = steps.map((_, index) => steps.slice(0, index + 1).reduce((a, b) => a * b, base));
    expect([...seen]).toHaveLength(5);
    for (const [index, rate] of [...seen].entries()) expect(rate).toBeCloseTo(rates[index] ?? 0, 6);
    expect(now).toBeLessThan(110_000);
  });

  test("the time without a probe never exceeds the longest probe interval", () => {
    const controller = create({ ...known, longestHoldMs: 25_000 });
    let now = serve(controller, 0, 1_000);
    for (let probes = 0; probes < 5; probes++) {
      refuse(controller, now + 1, 1);
      const cutAt = now;
      for (; controller.phase !== "probe"; now += 100) serve(controller, now, now + 100);
      expect(now - cutAt).toBeLessThanOrEqual(25_000 + 2_300);
    }
  });
});

describe("a severe drop", () => {
  test("a severe drop keeps the rate until a second of responses shows the quota, then sends 80 % of it for a second", () => {
    const controller = create({ ...known, ceilingPerSecond: 200 });
    let now = serve(controller, 0, 2_000);
    now = overload(controller, now, 980, 3);
    expect(controller.rate).toBe(197 * 0.985);
    now = overload(controller, now, 40, 3);
    expect(controller.safeRate / (0.75 * 197 * 0.985)).toBeCloseTo(1, 1);
    expect(controller.rate).toBeCloseTo(0.8 * controller.safeRate, 10);
    now = serve(controller, now, now + 1_100);
    expect(controller).toMatchObject({ rate: controller.safeRate, phase: "hold" });
  });

  test("a drop that refuses more than half is measured in 600 ms", () => {
    const controller = create({ ...known, ceilingPerSecond: 200 });
    let now = serve(controller, 0, 2_000);
    now = overload(controller, now, 600, 1);
    now = overload(controller, now, 40, 1);
    expect(controller.safeRate / (0.25 * 197 * 0.985)).toBeCloseTo(1, 1);
  });

  test("a drop halves the rate if too little was sent to show the quota", () => {
    const controller = create(known);
    const now = serve(controller, 0, 5_000, 0.05);
    refuse(controller, now + 1, 1);
    controller.onAccepted(now + 100);
    refuse(controller, now + 299, 4);
    const afterFirst = 98.5 * 0.985;
    expect(controller.rate).toBeCloseTo(afterFirst, 10);
    controller.advance(now + 1_001);
    expect(controller.safeRate).toBeCloseTo((afterFirst / 2) * 0.985, 6);
  });

  test("a drop is not seen again in late refusals, nor measured in the second of 80 %", () => {
    const controller = create({ ...known, ceilingPerSecond: 200 });
    let now = serve(controller, 0, 2_000);
    now = overload(controller, now, 640, 1);
    const measured = controller.safeRate;
    // These are late rejections of the old rate.
    refuse(controller, now + 10, 20);
    now = serve(controller, now + 10, now + 310);
    refuse(controller, now + 1, 1);
    expect(controller.rate).toBeCloseTo(measured * 0.985, 10);
    serve(controller, now, now + 1_500, 0.5);
    expect(controller.rate).toBeCloseTo(measured * 0.985, 10);
  });

  test("a used-up window shows the quota of a second, and nothing is sent before its end", () => {
    const controller = create(known);
    const now = serve(controller, 0, 2_000);
    const locked = refuseUntil(controller, now + 10, now + 210);
    const open = locked + 300;
    for (let index = 0; index < 30; index++) controller.onAccepted(open + index * 10);
    refuseUntil(controller, open + 300, open + 380);
    expect(controller).toMatchObject({ phase: "hold", pausedUntil: open + 1_000 });
    expect(controller.safeRate).toBeCloseTo(30 * 0.985, 10);
  });
});

describe("a rate that may be far too low", () => {
  test("a measured rate is held for ten seconds, then probed every five", () => {
    const controller = found();
    const base = controller.safeRate;
    let now = serve(controller, 3_510, 12_000);
    expect(controller).toMatchObject({ phase: "hold", rate: base });
    now = serve(controller, now, 17_000);
    expect(controller.phase).toBe("probe");
    expect(controller.rate).toBeCloseTo(base * 1.01, 6);
    now = serve(controller, now, 27_000);
    expect(controller.rate).toBeCloseTo(base * 1.01 * 1.02 * 1.04, 6);
  });

  test("a measured rate is soon probed again, once, after a step that was too wide", () => {
    const controller = found();
    let now = 3_510;
    const refusedAt: number[] = [];
    for (; refusedAt.length < 3 && now < 600_000; now += 100) {
      serve(controller, now, now + 100, 1.1);
      if (controller.rate > controller.safeRate * 1.03) {
        refuse(controller, now + 101, 1);
        refusedAt.push(now);
      }
    }
    const [first = 0, second = 0, third = 0] = refusedAt;
    expect(second - first).toBeLessThan(25_000);
    expect(third - second).toBeGreaterThan(60_000);
  });

  test("the rest of a window is not taken for the quota", () => {
    const controller = create(known);
    refuseUntil(controller, serve(controller, 0, 2_000) + 10, 2_210);
    for (let index = 0; index < 6; index++) controller.onAccepted(2_510 + index * 10);
    refuseUntil(controller, 2_570, 2_690);
    expect(controller.safeRate).toBeGreaterThan(90);
  });
});

describe("refusals that prove nothing", () => {
  test("a known rate that refusals lowered without demand returns as soon as it is used", () => {
    const controller = create(known);
    let now = 0;
    for (let times = 0; times < 20; times++) {
      now = serve(controller, now, now + 2_000, 0.05);
      refuse(controller, now + 1, 1);
    }
    expect(controller.rate).toBeCloseTo(98.5 * 0.985 ** 20, 6);
    serve(controller, now, now + 3_000);
    expect(controller).toMatchObject({ rate: 98.5, safeRate: 98.5, phase: "hold" });
  });

  test("an unknown quota is searched quickly after refusals without demand", () => {
    const controller = create({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY });
    let now = 0;
    for (let times = 0; times < 6; times++) {
      controller.onAccepted(now + 400);
      controller.advance(now + 400);
      now = refuse(controller, now + 490, 2);
    }
    expect(controller.rate).toBeLessThan(10);
    now = serve(controller, now, now + 9_000);
    expect(controller.rate).toBeGreaterThan(40);
  });

  test("a low rate that few answers have shown is kept longer each time it is found again", () => {
    const controller = create({ mode: "adaptive" });
    const refusedAt: number[] = [];
    let accepted = 0;
    let second = 0;
    // Two per second are accepted, whatever is sent.
    for (let now = 0; now < 120_000; now += 1_000 / controller.rate) {
      if (Math.floor(now / 1_000) !== second) {
        second = Math.floor(now / 1_000);
        accepted = 0;
      }
      accepted += 1;
      if (accepted <= 2) controller.onAccepted(now);
      else {
        controller.onThrottled(now, undefined);
        refusedAt.push(now);
      }
      for (let at = now; at < now + 1_000 / controller.rate; at += 100) controller.advance(at);
    }
    expect(refusedAt.filter((at) => at >= 60_000).length).toBeLessThan(30);
  });
});

describe("lockout", () => {
  test("a lockout stops sending, then probes four times a second", () => {
    const controller = create(known);
    const now = serve(controller, 0, 2_000);
    const locked = refuseUntil(controller, now + 10, now + 210);
    expect(controller).toMatchObject({ phase: "blackout", rate: 4, pausedUntil: locked + 250 });
  });

  test("a lockout keeps the window of the rate that it goes back to", () => {
    const controller = create(known);
    const now = serve(controller, 0, 2_000);
    refuseUntil(controller, now + 10, now + 210);
    expect(controller).toMatchObject({ rate: 4, quotaRate: 98.5 * 0.985 });
  });

  test("an accepted recovery probe resumes the safe rate less the margin", () => {
    const controller = create(known);
    const now = serve(controller, 0, 2_000);
    const locked = refuseUntil(controller, now + 10, now + 210);
    controller.onAccepted(locked + 260);
    expect(controller.phase).toBe("hold");
    expect(controller.rate).toBeCloseTo(98.5 * 0.985, 10);
    expect(controller.advance(locked + 260)).toBe(true);
  });

  test("a response to a request sent before the lockout does not end it", () => {
    const controller = create(known);
    const now = serve(controller, 0, 2_000);
    const locked = refuseUntil(controller, now + 10, now + 210);
    controller.onAccepted(locked + 20);
    expect(controller.phase).toBe("blackout");
  });

  test("refusals without a success in between cause short pauses", () => {
    const controller = create(known);
    const now = serve(controller, 0, 2_000);
    const last = refuseUntil(controller, now + 10, now + 70);
    expect(controller).toMatchObject({ phase: "hold", pausedUntil: last + 60 });
  });

  test("a lockout delays the next probe by a hundred times its length", () => {
    const controller = create(known);
    const start = serve(controller, 0, 2_000) + 10;
    const end = refuseUntil(controller, start, start + 10_000, 50);
    controller.onAccepted(end + 100);
    serve(controller, end + 100, end + 999_000);
    expect(controller.phase).toBe("hold");
    serve(controller, end + 999_000, end + 1_005_000);
    expect(controller.phase).toBe("probe");
  });

  test("a lockout that recurs within three minutes lowers the rate by 5 %", () => {
    const controller = create(known);
    let now = serve(controller, 0, 2_000);
    now = refuseUntil(controller, now + 10, now + 5_010);
    controller.onAccepted((now += 100));
    now = serve(controller, now, now + 20_000);
    now = refuseUntil(controller, now + 10, now + 5_010);
    controller.onAccepted((now += 100));
    expect(controller.rate).toBeCloseTo(98.5 * 0.985 * 0.985 * 0.95, 6);
  });

  test("recovery probes become rarer in a long lockout", () => {
    const controller = create(known);
    const now = serve(controller, 0, 2_000);
    const end = refuseUntil(controller, now + 10, now + 120_010, 250);
    expect(controller.pausedUntil - end).toBeGreaterThan(10_000);
    expect(controller.pausedUntil - end).toBeLessThanOrEqual(60_000);
  });
});

describe("Retry-After", () => {
  test.for([
    [1_000, 0, 1_000, "hold"],
    [2_000, 0, 2_000, "hold"],
    [1_000, 0.5, 1_050, "hold"],
    [3_000, 0, 3_000, "blackout"],
    [30_000, 1, 5_500, "blackout"],
    [1e9, 0, 5_000, "blackout"],
    [Number.POSITIVE_INFINITY, 0, 5_000, "blackout"],
  ] as const)(
    "a single Retry-After of %d ms, with a jitter of %d tenths, pauses for %d ms",
    ([ms, jitter, paused, phase]) => {
      const controller = create(known, jitter);
      refuse(controller, 5_000, 1, ms);
      expect(controller.pausedUntil).toBeCloseTo(5_000 + paused, 6);
      expect(controller.phase).toBe(phase);
    },
  );

  test.for([0, -5, Number.NaN])("a Retry-After of %d ms does not pause", (ms) => {
    const controller = create(known);
    refuse(controller, 5_000, 1, ms);
    expect(controller.pausedUntil).toBe(Number.NEGATIVE_INFINITY);
    expect(controller.rate).toBeCloseTo(98.5 * 0.985, 10);
  });

  test("a shorter Retry-After does not shorten a pause", () => {
    const controller = create(known);
    refuse(controller, 5_000, 1, 10_000);
    refuse(controller, 5_010, 1, 1_000);
    expect(controller.pausedUntil).toBe(10_000);
  });

  test.for([
    ["429", (controller: AdaptiveRate, now: number) => refuse(controller, now, 1, 1e9)],
    ["503", (controller: AdaptiveRate, now: number) => controller.onUnavailable(now, 1e9)],
  ] as const)(
    "an endless Retry-After of a %s is believed for 5, then for 30, then for 60 seconds",
    ([, answer]) => {
      const controller = create(known);
      answer(controller, 5_000);
      expect(controller.pausedUntil).toBe(10_000);
      answer(controller, 10_010);
      expect(controller.pausedUntil).toBe(40_010);
      answer(controller, 40_020);
      answer(controller, 100_100);
      expect(controller.pausedUntil).toBe(160_100);
    },
  );

  test("a Retry-After is confirmed by a recovery probe, not by requests sent before it", () => {
    const controller = create(known);
    refuse(controller, 5_000, 20, 30_000);
    expect(controller.pausedUntil).toBeLessThan(10_100);
    refuse(controller, 10_100, 1, 25_000);
    expect(controller.pausedUntil).toBe(35_100);
  });

  test("an accepted request makes the next Retry-After an unconfirmed one", () => {
    const controller = create(known);
    refuse(controller, 5_000, 1, 30_000);
    controller.onAccepted(10_010);
    refuse(controller, 60_000, 1, 30_000);
    expect(controller.pausedUntil).toBe(65_000);
  });

  test("a long Retry-After that the first recovery probe refutes costs 1.5 % of the rate, however often", () => {
    const controller = create(known);
    let now = 0;
    for (let times = 1; times <= 5; times++) {
      now = refuse(controller, now + 10_000, 1, 1e9);
      expect(controller.phase).toBe("blackout");
      controller.onAccepted((now += 5_010));
      expect(controller.rate).toBeCloseTo(98.5 * 0.985 ** times, 10);
    }
  });

  test("a 503 with Retry-After pauses and leaves the rate as it is", () => {
    const controller = create(known);
    controller.onUnavailable(5_000, 1_000);
    expect(controller).toMatchObject({ phase: "hold", rate: 98.5, pausedUntil: 6_000 });
    controller.onUnavailable(7_000, 60_000);
    expect(controller).toMatchObject({ phase: "blackout", rate: 4, pausedUntil: 12_000 });
    controller.onUnavailable(12_010, 60_000);
    controller.onAccepted(42_020);
    expect(controller).toMatchObject({ phase: "hold", rate: 98.5, safeRate: 98.5 });
  });

  test("a rate that was unlimited before the pause of a 503 is unlimited after it", () => {
    const controller = create({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY });
    controller.onUnavailable(5_000, 1e9);
    expect(controller).toMatchObject({ phase: "blackout", rate: 4, quotaRate: 4 });
    controller.onAccepted(10_010);
    expect(controller).toMatchObject({ phase: "hold", rate: Number.POSITIVE_INFINITY });
  });

  test("a pause tells whether a 429 or a 503 is behind it", () => {
    const controller = create(known);
    expect(controller.refusalCause(4_999)).toBeUndefined();
    refuse(controller, 5_000, 1, 1_000);
    expect(controller.refusalCause(5_999)).toBe("quota");
    expect(controller.refusalCause(6_000)).toBeUndefined();
    controller.onUnavailable(7_000, 60_000);
    expect(controller.refusalCause(20_000)).toBe("outage");
    controller.onAccepted(20_000);
    expect(controller.refusalCause(20_000)).toBeUndefined();
  });

  test("repeated Retry-After without a success becomes a lockout", () => {
    const controller = create(known);
    for (let now = 5_000; now < 9_000; now += 1_000) refuse(controller, now, 2, 900);
    expect(controller).toMatchObject({ phase: "blackout", rate: 4 });
  });
});

describe("a fixed rate", () => {
  const fixed: QuotaSettings = { mode: "fixed", ceilingPerSecond: 100 };

  test("a fixed rate stays the same at refusals and success", () => {
    const controller = create(fixed);
    let now = serve(controller, 0, 5_000);
    now = refuse(controller, now + 1, 10);
    expect(controller.rate).toBe(98.5);
    serve(controller, now, now + 600_000);
    expect(controller.rate).toBe(98.5);
  });

  test("a fixed rate pauses for a Retry-After and then continues", () => {
    const controller = create(fixed);
    refuse(controller, 5_000, 1, 10_000);
    expect(controller).toMatchObject({ phase: "blackout", pausedUntil: 10_000 });
    controller.onAccepted(10_030);
    expect(controller).toMatchObject({ phase: "hold", rate: 98.5 });
  });
});

describe("slow restart", () => {
  test("a slow restart begins at a quarter of the rate and grows by a quarter each second", () => {
    const controller = create(known);
    controller.slowRestart(10_000);
    expect(controller).toMatchObject({ rate: 98.5 / 4, safeRate: 98.5, phase: "slow-start" });
    expect(controller.advance(10_000)).toBe(true);
    const rates = [];
    for (let now = 11_000; controller.phase === "slow-start"; now += 1_000) {
      controller.advance(now);
      rates.push(controller.rate);
    }
    expect(rates).toHaveLength(7);
    expect(rates[0]).toBeCloseTo((98.5 / 4) * 1.25, 10);
    expect(rates.at(-1)).toBe(98.5);
  });

  test("a slow restart does nothing at five per second or less", () => {
    const controller = create({ mode: "fixed", ceilingPerSecond: 5 });
    controller.slowRestart(0);
    expect(controller).toMatchObject({ rate: 4.925, phase: "hold" });
  });

  test("a slow restart ends at a refusal, below the refused rate", () => {
    const controller = create(known);
    controller.slowRestart(10_000);
    refuse(controller, 10_100, 1);
    expect(controller.phase).toBe("hold");
    expect(controller.rate).toBeCloseTo((98.5 / 4) * 0.985, 10);
  });
});

describe("random responses", () => {
  const events = fc.array(
    fc.record({
      afterMs: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 400_000 })),
      kind: fc.constantFrom("accept", "accept", "throttle", "advance", "restart"),
      repeat: fc.integer({ min: 1, max: 40 }),
      retryAfterMs: fc.option(fc.oneof(fc.double(), fc.integer({ min: -1, max: 100_000 })), {
        nil: undefined,
      }),
    }),
    { maxLength: 120 },
  );
  const settings = fc.oneof(
    fc.record({
      mode: fc.constant("adaptive" as const),
      initialPerSecond: fc.double({ min: 0.001, max: 1e5, noNaN: true }),
    }),
    fc.record({
      mode: fc.constantFrom("fixed" as const, "down-only" as const, "adaptive" as const),
      ceilingPerSecond: fc.double({ min: 0.001, max: 1e5, noNaN: true }),
    }),
  );

  test("the rate stays within its bounds, and no pause exceeds 66 s, for any responses", () => {
    fc.assert(
      fc.property(
        settings,
        events,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, answers, random) => {
          const controller = create(given, random);
          const ceiling =
            "ceilingPerSecond" in given ? given.ceilingPerSecond : Number.POSITIVE_INFINITY;
          const most = Math.max(0.5, ceiling * 0.985);
          let now = 0;
          for (const { afterMs, kind, repeat, retryAfterMs } of answers) {
            for (let index = 0; index < repeat; index++) {
              now += index === 0 ? afterMs : 5;
              if (kind === "accept") controller.onAccepted(now);
              if (kind === "throttle") controller.onThrottled(now, retryAfterMs);
              if (kind === "restart") controller.slowRestart(now);
              controller.advance(now);
              expect(controller.rate).toBeGreaterThanOrEqual(0.5);
              expect(controller.rate).toBeLessThanOrEqual(most);
              expect(controller.safeRate).toBeGreaterThanOrEqual(0.5);
              expect(controller.safeRate).toBeLessThanOrEqual(most);
              expect(controller.pausedUntil - now).toBeLessThanOrEqual(66_000);
              expect(controller.pausedUntil).not.toBeNaN();
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("a rate that changed is reported exactly once", () => {
    fc.assert(
      fc.property(settings, events, (given, answers) => {
        const controller = create(given);
        let now = 0;
        let rate = controller.rate;
        let pausedUntil = controller.pausedUntil;
        for (const { afterMs, kind, retryAfterMs } of answers) {
          now += afterMs;
          if (kind === "accept") controller.onAccepted(now);
          if (kind === "throttle") controller.onThrottled(now, retryAfterMs);
          if (kind === "restart") controller.slowRestart(now);
          const isChanged = controller.advance(now);
          expect(isChanged).toBe(
            controller.rate !== rate || controller.pausedUntil !== pausedUntil,
          );
          ({ rate, pausedUntil } = controller);
          expect(controller.advance(now)).toBe(false);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("a rate that is not used is never raised", () => {
    fc.assert(
      fc.property(settings, events, (given, answers) => {
        const controller = create(given);
        let now = 0;
        let rate = controller.rate;
        for (const { afterMs, retryAfterMs } of answers) {
          now += Math.max(afterMs, 10_000);
          controller.onThrottled(now, retryAfterMs);
          controller.advance(now);
          if (controller.phase !== "blackout") {
            expect(controller.rate).toBeLessThanOrEqual(rate);
            rate = controller.rate;
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
