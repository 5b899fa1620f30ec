import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createQuotaTracker,
  type QuotaTracker,
} from "../../../../../src/upstream/rate-limit/adaptive/adaptive-rate.ts";
import type { QuotaSettings } from "../../../../../src/upstream/rate-limit/adaptive/settings.ts";

const adaptive: QuotaSettings = { mode: "adaptive" };
const known: QuotaSettings = { mode: "down-only", ceilingPerSecond: 100 };

const create = (settings: QuotaSettings, random = 0): QuotaTracker =>
  createQuotaTracker(settings, { now: 0, random: () => random });

/** Answers `use` of the tracker's rate with success, from one time to another, and moves it on every 100 ms. */
function serve(tracker: QuotaTracker, from: number, to: number, use = 1): number {
  let owed = 0;
  for (let now = from + 100; now <= to; now += 100) {
    owed += (tracker.rate * use) / 10;
    for (; owed >= 1; owed--) tracker.onAccepted(now);
    tracker.advance(now);
  }
  return to;
}

/** Refuses `count` requests, one per millisecond. */
function refuse(tracker: QuotaTracker, from: number, count: number, retryAfterMs?: number): number {
  for (let index = 0; index < count; index++) tracker.onThrottled(from + index, retryAfterMs);
  tracker.advance(from + count);
  return from + count;
}

/** Refuses at intervals until that time. */
function refuseUntil(tracker: QuotaTracker, from: number, to: number, everyMs = 10): number {
  for (let now = from; now <= to; now += everyMs) {
    tracker.onThrottled(now, undefined);
    tracker.advance(now);
  }
  return to;
}

/** Of each four requests that the tracker would send, lets so many pass. */
function overload(tracker: QuotaTracker, from: number, ms: number, passing: number): number {
  let now = from;
  for (let index = 0; now < from + ms; index++) {
    now += 1000 / tracker.rate;
    if (index % 4 < passing) tracker.onAccepted(now);
    else tracker.onThrottled(now, undefined);
    tracker.advance(now);
  }
  return now;
}

/** At 197 × 0.985 in a hold of 30 s that began at 1,001 ms, below a ceiling of 200. */
function held(): QuotaTracker {
  const tracker = create({ ...known, ceilingPerSecond: 200 });
  serve(tracker, 0, 1_000);
  refuse(tracker, 1_001, 1);
  return tracker;
}

/** At 30 × 0.985 since 2,790 ms: what a window let through. */
const found = (): QuotaTracker => {
  const tracker = create(known);
  refuseUntil(tracker, serve(tracker, 0, 2_000) + 10, 2_210);
  for (let index = 0; index < 30; index++) tracker.onAccepted(2_510 + index * 10);
  refuseUntil(tracker, 2_810, 2_890);
  return tracker;
};

describe("start", () => {
  test("holds 98.5 % of a known ceiling at once", () => {
    const tracker = create(known);
    expect(tracker).toMatchObject({ rate: 98.5, safeRate: 98.5, phase: "hold" });
  });

  test("searches from 20 per second where nothing is known", () => {
    expect(create(adaptive)).toMatchObject({ rate: 20, phase: "slow-start" });
  });

  test("searches from where it is told, below its ceiling", () => {
    const settings = { mode: "adaptive", initialPerSecond: 50, ceilingPerSecond: 60 } as const;
    const tracker = create(settings);
    expect(tracker).toMatchObject({ rate: 50, phase: "slow-start" });
    serve(tracker, 0, 60_000);
    expect(tracker).toMatchObject({ rate: 60 * 0.985, safeRate: 60 * 0.985, phase: "hold" });
  });

  test("does not search where the search would start above the ceiling", () => {
    expect(create({ mode: "adaptive", ceilingPerSecond: 10 })).toMatchObject({
      rate: 9.85,
      phase: "hold",
    });
  });

  test("without a start and a ceiling nothing is paced until the first 429, and the search begins at what was taken", () => {
    const tracker = create({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY });
    for (let now = 0; now < 60_000; now += 5) {
      tracker.onAccepted(now);
      tracker.advance(now);
    }
    expect(tracker).toMatchObject({ rate: Number.POSITIVE_INFINITY, phase: "hold" });
    tracker.onThrottled(60_000, undefined);
    tracker.advance(60_000);
    expect(tracker.phase).toBe("slow-start");
    expect(tracker.rate / (200 * 0.985)).toBeCloseTo(1, 1);
  });

  test("the refusal of the very first request leaves enough to grow from", () => {
    const tracker = create({ mode: "adaptive", initialPerSecond: Number.POSITIVE_INFINITY });
    tracker.onThrottled(10, undefined);
    tracker.advance(10);
    expect(tracker).toMatchObject({ rate: 10 * 0.985, phase: "slow-start" });
  });

  test.for([0, -1, Number.NaN])("refuses to start at %d", (initialPerSecond) => {
    expect(() => create({ mode: "adaptive", initialPerSecond })).toThrow(RangeError);
  });

  test.for([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    "refuses a ceiling of %d",
    (ceilingPerSecond) => {
      expect(() => create({ mode: "fixed", ceilingPerSecond })).toThrow(RangeError);
      expect(() => create({ ...known, longestHoldMs: ceilingPerSecond })).toThrow(RangeError);
    },
  );
});

describe("slow start", () => {
  test("grows by a quarter every two seconds of use", () => {
    const tracker = create(adaptive);
    serve(tracker, 0, 2_000);
    expect(tracker.rate).toBe(25);
    expect(tracker.safeRate).toBe(20);
    serve(tracker, 2_000, 4_000);
    expect(tracker.rate).toBe(31.25);
  });

  test("does not grow while less than four fifths are used", () => {
    const tracker = create(adaptive);
    serve(tracker, 0, 60_000, 0.75);
    expect(tracker).toMatchObject({ rate: 20, phase: "slow-start" });
  });

  test("ends at the first refusal, between the last step that passed and the present one", () => {
    const tracker = create(adaptive);
    const now = serve(tracker, 0, 10_500);
    expect(tracker.rate).toBeCloseTo(61.04, 2);
    refuse(tracker, now + 1, 1);
    expect(tracker.phase).toBe("hold");
    expect(tracker.rate).toBeGreaterThanOrEqual(48.82);
    expect(tracker.rate).toBeLessThanOrEqual(61.04 * 0.985);
    expect(tracker.safeRate).toBe(tracker.rate);
  });
});

describe("hold and probe", () => {
  test("goes down by 1.5 % at a refusal", () => {
    expect(held()).toMatchObject({ rate: 197 * 0.985, safeRate: 197 * 0.985, phase: "hold" });
  });

  test("counts the refusals of 300 ms as one event", () => {
    const tracker = held();
    refuse(tracker, 1_100, 1);
    tracker.onAccepted(1_150);
    refuse(tracker, 1_300, 1);
    expect(tracker.rate).toBe(197 * 0.985);
    refuse(tracker, 1_301, 1);
    expect(tracker.rate).toBeCloseTo(197 * 0.985 ** 2, 10);
  });

  test("keeps the rate for the hold, then tries one percent more", () => {
    const tracker = held();
    serve(tracker, 1_100, 30_900);
    expect(tracker).toMatchObject({ rate: 197 * 0.985, phase: "hold" });
    serve(tracker, 30_900, 33_500);
    expect(tracker.phase).toBe("probe");
    expect(tracker.rate).toBeCloseTo(197 * 0.985 * 1.01, 10);
    expect(tracker.safeRate).toBe(197 * 0.985);
  });

  test("does not try more than the ceiling, and stays there", () => {
    const tracker = held();
    serve(tracker, 1_100, 120_000);
    expect(tracker).toMatchObject({ rate: 197, safeRate: 197, phase: "hold" });
  });

  test("goes back to the safe rate when a probe is refused, and holds twice as long", () => {
    const tracker = held();
    const probing = serve(tracker, 1_100, 33_500);
    refuse(tracker, probing + 1, 1);
    expect(tracker).toMatchObject({ rate: 197 * 0.985, phase: "hold" });
    serve(tracker, probing + 100, probing + 59_000);
    expect(tracker.phase).toBe("hold");
    serve(tracker, probing + 59_000, probing + 63_000);
    expect(tracker.phase).toBe("probe");
  });

  test("gives a probe up that nobody used, without calling it safe", () => {
    const tracker = held();
    const probing = serve(tracker, 1_100, 33_500);
    serve(tracker, probing, probing + 20_000, 0.5);
    expect(tracker).toMatchObject({ phase: "hold", rate: 197 * 0.985, safeRate: 197 * 0.985 });
    serve(tracker, probing + 20_000, probing + 23_000);
    expect(tracker.phase).toBe("probe");
  });

  test("steps of 1, 2, 4, 8 and 8 % lead back into the search", () => {
    const tracker = create({ mode: "adaptive", initialPerSecond: 100 });
    let now = serve(tracker, 0, 1_500);
    refuse(tracker, now + 1, 1);
    const base = tracker.rate;
    const seen = new Set<number>();
    for (; tracker.phase !== "slow-start"; now += 100) {
      serve(tracker, now, now + 100);
      if (tracker.phase === "probe") seen.add(tracker.rate);
    }
    const steps = [1.01, 1.02, 1.04, 1.08, 1.08];
    const rates = steps.map((_, index) => steps.slice(0, index + 1).reduce((a, b) => a * b, base));
    expect([...seen]).toHaveLength(5);
    for (const [index, rate] of [...seen].entries()) expect(rate).toBeCloseTo(rates[index] ?? 0, 6);
    expect(now).toBeLessThan(110_000);
  });

  test("never holds longer than the longest hold", () => {
    const tracker = create({ ...known, longestHoldMs: 25_000 });
    let now = serve(tracker, 0, 1_000);
    for (let probes = 0; probes < 5; probes++) {
      refuse(tracker, now + 1, 1);
      const cutAt = now;
      for (; tracker.phase !== "probe"; now += 100) serve(tracker, now, now + 100);
      expect(now - cutAt).toBeLessThanOrEqual(25_000 + 2_300);
    }
  });
});

describe("a severe drop", () => {
  test("keeps sending until a second says what the quota is, and sends less than that for another", () => {
    const tracker = create({ ...known, ceilingPerSecond: 200 });
    let now = serve(tracker, 0, 2_000);
    now = overload(tracker, now, 980, 3);
    expect(tracker.rate).toBe(197 * 0.985);
    now = overload(tracker, now, 40, 3);
    expect(tracker.safeRate / (0.75 * 197 * 0.985)).toBeCloseTo(1, 1);
    expect(tracker.rate).toBeCloseTo(0.8 * tracker.safeRate, 10);
    now = serve(tracker, now, now + 1_100);
    expect(tracker).toMatchObject({ rate: tracker.safeRate, phase: "hold" });
  });

  test("takes 600 ms for it where more than half is refused", () => {
    const tracker = create({ ...known, ceilingPerSecond: 200 });
    let now = serve(tracker, 0, 2_000);
    now = overload(tracker, now, 600, 1);
    now = overload(tracker, now, 40, 1);
    expect(tracker.safeRate / (0.25 * 197 * 0.985)).toBeCloseTo(1, 1);
  });

  test("halves where too little was sent to say what the quota is", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 5_000, 0.05);
    refuse(tracker, now + 1, 1);
    tracker.onAccepted(now + 100);
    refuse(tracker, now + 299, 4);
    const afterFirst = 98.5 * 0.985;
    expect(tracker.rate).toBeCloseTo(afterFirst, 10);
    tracker.advance(now + 1_001);
    expect(tracker.safeRate).toBeCloseTo((afterFirst / 2) * 0.985, 6);
  });

  test("is not seen again in refusals that are late, nor measured in the second of less", () => {
    const tracker = create({ ...known, ceilingPerSecond: 200 });
    let now = serve(tracker, 0, 2_000);
    now = overload(tracker, now, 640, 1);
    const measured = tracker.safeRate;
    // What was under way at the old rate comes back.
    refuse(tracker, now + 10, 20);
    now = serve(tracker, now + 10, now + 310);
    refuse(tracker, now + 1, 1);
    expect(tracker.rate).toBeCloseTo(measured * 0.985, 10);
    serve(tracker, now, now + 1_500, 0.5);
    expect(tracker.rate).toBeCloseTo(measured * 0.985, 10);
  });

  test("takes what a window let through for the quota of a second, and waits for its end", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 2_000);
    const dark = refuseUntil(tracker, now + 10, now + 210);
    const light = dark + 300;
    for (let index = 0; index < 30; index++) tracker.onAccepted(light + index * 10);
    refuseUntil(tracker, light + 300, light + 380);
    expect(tracker).toMatchObject({ phase: "hold", pausedUntil: light + 1_000 });
    expect(tracker.safeRate).toBeCloseTo(30 * 0.985, 10);
  });
});

describe("a rate that may be far too low", () => {
  test("is held for ten seconds, then tried higher every five", () => {
    const tracker = found();
    const base = tracker.safeRate;
    let now = serve(tracker, 3_510, 12_000);
    expect(tracker).toMatchObject({ phase: "hold", rate: base });
    now = serve(tracker, now, 17_000);
    expect(tracker.phase).toBe("probe");
    expect(tracker.rate).toBeCloseTo(base * 1.01, 6);
    now = serve(tracker, now, 27_000);
    expect(tracker.rate).toBeCloseTo(base * 1.01 * 1.02 * 1.04, 6);
  });

  test("is soon tried again in smaller steps after a step that was too wide, once", () => {
    const tracker = found();
    let now = 3_510;
    const refusedAt: number[] = [];
    for (; refusedAt.length < 3 && now < 600_000; now += 100) {
      serve(tracker, now, now + 100, 1.1);
      if (tracker.rate > tracker.safeRate * 1.03) {
        refuse(tracker, now + 101, 1);
        refusedAt.push(now);
      }
    }
    const [first = 0, second = 0, third = 0] = refusedAt;
    expect(second - first).toBeLessThan(25_000);
    expect(third - second).toBeGreaterThan(60_000);
  });

  test("is not what the rest of a window lets through", () => {
    const tracker = create(known);
    refuseUntil(tracker, serve(tracker, 0, 2_000) + 10, 2_210);
    for (let index = 0; index < 6; index++) tracker.onAccepted(2_510 + index * 10);
    refuseUntil(tracker, 2_570, 2_690);
    expect(tracker.safeRate).toBeGreaterThan(90);
  });
});

describe("blackout", () => {
  test("stops, then asks four times a second", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 2_000);
    const dark = refuseUntil(tracker, now + 10, now + 210);
    expect(tracker).toMatchObject({ phase: "blackout", rate: 4, pausedUntil: dark + 250 });
  });

  test("keeps the second of the rate that it goes back to", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 2_000);
    refuseUntil(tracker, now + 10, now + 210);
    expect(tracker).toMatchObject({ rate: 4, quotaRate: 98.5 * 0.985 });
  });

  test("resumes at the safe rate less the margin when something is accepted", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 2_000);
    const dark = refuseUntil(tracker, now + 10, now + 210);
    tracker.onAccepted(dark + 260);
    expect(tracker.phase).toBe("hold");
    expect(tracker.rate).toBeCloseTo(98.5 * 0.985, 10);
    expect(tracker.advance(dark + 260)).toBe(true);
  });

  test("does not take the answers still in flight for its end", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 2_000);
    const dark = refuseUntil(tracker, now + 10, now + 210);
    tracker.onAccepted(dark + 20);
    expect(tracker.phase).toBe("blackout");
  });

  test("pauses shortly while refusals without success add up", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 2_000);
    const last = refuseUntil(tracker, now + 10, now + 70);
    expect(tracker).toMatchObject({ phase: "hold", pausedUntil: last + 60 });
  });

  test("does not probe for a hundred times its length", () => {
    const tracker = create(known);
    const start = serve(tracker, 0, 2_000) + 10;
    const end = refuseUntil(tracker, start, start + 10_000, 50);
    tracker.onAccepted(end + 100);
    serve(tracker, end + 100, end + 999_000);
    expect(tracker.phase).toBe("hold");
    serve(tracker, end + 999_000, end + 1_005_000);
    expect(tracker.phase).toBe("probe");
  });

  test("reduces the rate by 5 % when it comes back within three minutes", () => {
    const tracker = create(known);
    let now = serve(tracker, 0, 2_000);
    now = refuseUntil(tracker, now + 10, now + 5_010);
    tracker.onAccepted((now += 100));
    now = serve(tracker, now, now + 20_000);
    now = refuseUntil(tracker, now + 10, now + 5_010);
    tracker.onAccepted((now += 100));
    expect(tracker.rate).toBeCloseTo(98.5 * 0.985 * 0.985 * 0.95, 6);
  });

  test("asks less and less often where asking does not help", () => {
    const tracker = create(known);
    const now = serve(tracker, 0, 2_000);
    const end = refuseUntil(tracker, now + 10, now + 120_010, 250);
    expect(tracker.pausedUntil - end).toBeGreaterThan(10_000);
    expect(tracker.pausedUntil - end).toBeLessThanOrEqual(60_000);
  });
});

describe("Retry-After", () => {
  test.for([
    [1_000, 0, 1_000, "hold"],
    [2_000, 0, 2_000, "hold"],
    [1_000, 0.5, 1_050, "hold"],
    [3_000, 0, 3_000, "blackout"],
    [30_000, 1, 33_000, "blackout"],
    [1e9, 0, 60_000, "blackout"],
    [Number.POSITIVE_INFINITY, 0, 60_000, "blackout"],
  ] as const)(
    "of %d ms, with a jitter of %d tenths, pauses for %d ms",
    ([ms, jitter, paused, phase]) => {
      const tracker = create(known, jitter);
      refuse(tracker, 5_000, 1, ms);
      expect(tracker.pausedUntil).toBeCloseTo(5_000 + paused, 6);
      expect(tracker.phase).toBe(phase);
    },
  );

  test.for([0, -5, Number.NaN])("of %d ms does not pause", (ms) => {
    const tracker = create(known);
    refuse(tracker, 5_000, 1, ms);
    expect(tracker.pausedUntil).toBe(Number.NEGATIVE_INFINITY);
    expect(tracker.rate).toBeCloseTo(98.5 * 0.985, 10);
  });

  test("that is shorter does not shorten a pause", () => {
    const tracker = create(known);
    refuse(tracker, 5_000, 1, 10_000);
    refuse(tracker, 5_010, 1, 1_000);
    expect(tracker.pausedUntil).toBe(15_000);
  });

  test("turns into a blackout when nothing but refusals comes", () => {
    const tracker = create(known);
    for (let now = 5_000; now < 9_000; now += 1_000) refuse(tracker, now, 2, 900);
    expect(tracker).toMatchObject({ phase: "blackout", rate: 4 });
  });
});

describe("a fixed rate", () => {
  const fixed: QuotaSettings = { mode: "fixed", ceilingPerSecond: 100 };

  test("stays whatever is answered", () => {
    const tracker = create(fixed);
    let now = serve(tracker, 0, 5_000);
    now = refuse(tracker, now + 1, 10);
    expect(tracker.rate).toBe(98.5);
    serve(tracker, now, now + 600_000);
    expect(tracker.rate).toBe(98.5);
  });

  test("is interrupted by what the upstream asks for, and taken up again", () => {
    const tracker = create(fixed);
    refuse(tracker, 5_000, 1, 10_000);
    expect(tracker).toMatchObject({ phase: "blackout", pausedUntil: 15_000 });
    tracker.onAccepted(15_030);
    expect(tracker).toMatchObject({ phase: "hold", rate: 98.5 });
  });
});

describe("ramp", () => {
  test("starts at a quarter and reaches the rate by quarters more each second", () => {
    const tracker = create(known);
    tracker.ramp(10_000);
    expect(tracker).toMatchObject({ rate: 98.5 / 4, safeRate: 98.5, phase: "slow-start" });
    expect(tracker.advance(10_000)).toBe(true);
    const rates = [];
    for (let now = 11_000; tracker.phase === "slow-start"; now += 1_000) {
      tracker.advance(now);
      rates.push(tracker.rate);
    }
    expect(rates).toHaveLength(7);
    expect(rates[0]).toBeCloseTo((98.5 / 4) * 1.25, 10);
    expect(rates.at(-1)).toBe(98.5);
  });

  test("has nothing to do at five per second and less", () => {
    const tracker = create({ mode: "fixed", ceilingPerSecond: 5 });
    tracker.ramp(0);
    expect(tracker).toMatchObject({ rate: 4.925, phase: "hold" });
  });

  test("ends at a refusal, below the rate that was refused", () => {
    const tracker = create(known);
    tracker.ramp(10_000);
    refuse(tracker, 10_100, 1);
    expect(tracker.phase).toBe("hold");
    expect(tracker.rate).toBeCloseTo((98.5 / 4) * 0.985, 10);
  });
});

describe("laws", () => {
  const events = fc.array(
    fc.record({
      afterMs: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 400_000 })),
      kind: fc.constantFrom("accept", "accept", "throttle", "advance", "ramp"),
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

  test("whatever is answered, the rate stays within its bounds and no pause exceeds 66 s", () => {
    fc.assert(
      fc.property(
        settings,
        events,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (given, answers, random) => {
          const tracker = create(given, random);
          const ceiling =
            "ceilingPerSecond" in given ? given.ceilingPerSecond : Number.POSITIVE_INFINITY;
          const most = Math.max(0.5, ceiling * 0.985);
          let now = 0;
          for (const { afterMs, kind, repeat, retryAfterMs } of answers) {
            for (let index = 0; index < repeat; index++) {
              now += index === 0 ? afterMs : 5;
              if (kind === "accept") tracker.onAccepted(now);
              if (kind === "throttle") tracker.onThrottled(now, retryAfterMs);
              if (kind === "ramp") tracker.ramp(now);
              tracker.advance(now);
              expect(tracker.rate).toBeGreaterThanOrEqual(0.5);
              expect(tracker.rate).toBeLessThanOrEqual(most);
              expect(tracker.safeRate).toBeGreaterThanOrEqual(0.5);
              expect(tracker.safeRate).toBeLessThanOrEqual(most);
              expect(tracker.pausedUntil - now).toBeLessThanOrEqual(66_000);
              expect(tracker.pausedUntil).not.toBeNaN();
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
        const tracker = create(given);
        let now = 0;
        let rate = tracker.rate;
        let pausedUntil = tracker.pausedUntil;
        for (const { afterMs, kind, retryAfterMs } of answers) {
          now += afterMs;
          if (kind === "accept") tracker.onAccepted(now);
          if (kind === "throttle") tracker.onThrottled(now, retryAfterMs);
          if (kind === "ramp") tracker.ramp(now);
          const isChanged = tracker.advance(now);
          expect(isChanged).toBe(tracker.rate !== rate || tracker.pausedUntil !== pausedUntil);
          ({ rate, pausedUntil } = tracker);
          expect(tracker.advance(now)).toBe(false);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("without use the rate is never raised", () => {
    fc.assert(
      fc.property(settings, events, (given, answers) => {
        const tracker = create(given);
        let now = 0;
        let rate = tracker.rate;
        for (const { afterMs, retryAfterMs } of answers) {
          now += Math.max(afterMs, 10_000);
          tracker.onThrottled(now, retryAfterMs);
          tracker.advance(now);
          if (tracker.phase !== "blackout") {
            expect(tracker.rate).toBeLessThanOrEqual(rate);
            rate = tracker.rate;
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});
