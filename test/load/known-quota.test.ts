/** A quota that the gateway was told, under more load than it allows. */
import { expect, test } from "vitest";
import { throttledShare } from "../../bench/load/figures.ts";
import { measureKnownQuota } from "../../bench/load/known-quota.ts";
import { startSourceGateway } from "./source-gateway.ts";

// The bench measures 98 % and more; the bounds here leave room for a machine that does other things meanwhile.
test.each(["bucket", "sliding", "fixed"] as const)(
  "a quota judged by a %s is used up and not exceeded",
  { timeout: 60_000, retry: 2 },
  async (shape) => {
    const run = { startGateway: startSourceGateway, seconds: 6 };
    const one = { arrangement: "gateway", shape, perSecond: 100 } as const;
    const period = await measureKnownQuota(one, run);
    // What arrives while the judge stands still arrives at once, and may be one too many.
    expect(throttledShare(period)).toBeLessThanOrEqual(period.lateMs > 12 ? 0.005 : 0);
    expect(period.served / period.seconds / one.perSecond).toBeGreaterThan(0.96);
    expect(period.streams.map(({ failures }) => failures)).toEqual(
      Array.from({ length: 8 }, () => ({})),
    );
  },
);
