import { describe, expect, test } from "vitest";
import { historyLength } from "../../../../src/console/samples/history.ts";
import { startSampler } from "../../../../src/console/samples/sampler.ts";
import type { InstanceState } from "../../../../src/observability/state.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { upstreamState } from "../../observability/metrics/upstream-state.ts";

/** A sampler over numbers that the test changes. */
function createDriven() {
  const clock = createDrivenClock();
  const wrap = [0, 0, 0];
  const state: InstanceState = upstreamState();
  const now = { sent: 100, perSecond: 0, throttled: 5, state };
  const sampler = startSampler(
    {
      state: () => ({
        version: "1",
        uptimeSeconds: clock.now() / 1_000,
        isDraining: false,
        instances: { default: now.state },
      }),
      exchangesOf: () => {
        now.sent += now.perSecond;
        now.perSecond += now.perSecond > 0 ? 1 : 0;
        return { sent: now.sent, throttled: now.throttled };
      },
      handlingCounts: () => [[{ method: "WrapKey" }, wrap]],
      bounds: [0.1, 1],
    },
    clock,
    () => {},
  );
  return { clock, wrap, now, sampler };
}

describe("the samples", () => {
  test("a sample has the rates of its second, and nothing of the time before the first one", async () => {
    const { clock, now, wrap, sampler } = createDriven();
    expect(sampler.latest().points["default"]).toMatchObject({ sent: 0, throttled: 0 });
    now.sent += 40;
    now.throttled += 2;
    wrap[0] = 3;
    wrap[1] = 1;

    await clock.advance(1_000);

    const { points, latency, p50, p99, summaries } = sampler.latest();
    expect(points["default"]).toMatchObject({ sent: 40, throttled: 2 });
    expect(latency).toEqual({ wrap: [3, 1, 0], unwrap: [0, 0, 0], other: [0, 0, 0] });
    expect(p50.wrap).toBeCloseTo(0.0667, 3);
    expect(p99.all).toBeCloseTo(0.964, 3);
    expect(p50.unwrap).toBeNull();
    expect(summaries["default"]).toMatchObject({ word: "throttled", throttledInMinute: 2 });
  });

  test("429s count for ten seconds in the word and for a minute in the number", async () => {
    const { clock, now, sampler } = createDriven();
    now.throttled += 1;
    await clock.advance(10_000);
    expect(sampler.latest().summaries["default"]?.word).toBe("throttled");

    await clock.advance(1_000);
    expect(sampler.latest().summaries["default"]).toMatchObject({
      word: "serving",
      throttledInMinute: 1,
    });

    await clock.advance(50_000);
    expect(sampler.latest().summaries["default"]?.throttledInMinute).toBe(0);
  });

  test("the history has one sample a second and forgets the oldest after 15 minutes", async () => {
    const { clock, now, sampler } = createDriven();
    const startedAt = clock.wallNow();
    now.perSecond = 1;
    await clock.advance((historyLength + 10) * 1_000);

    const { times, sent, allowed } = sampler.history.columnsOf("default");

    expect(times).toHaveLength(historyLength);
    expect(times[0]).toBe(startedAt + 11_000);
    expect(times.at(-1)).toBe(clock.wallNow());
    expect([sent[0], sent.at(-1)]).toEqual([11, historyLength + 10]);
    expect(allowed[0]).toBeNull();
  });

  test("no sample is taken any more after disposal", async () => {
    const { clock, sampler } = createDriven();

    sampler[Symbol.dispose]();

    expect(clock.pending).toBe(0);
  });
});
