/** A configured quota under more load than it allows. */
import { expect, test } from "vitest";
import { throttledShare } from "../../bench/load/figures.ts";
import { measureKnownQuota } from "../../bench/load/known-quota.ts";
import { startSourceGateway } from "./source-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

// The bench measures 98 % and more. The bounds here leave room for a machine with other work.
test.each(["bucket", "sliding", "fixed"] as const)(
  "the gateway uses up a quota of shape %s and does not exceed it",
  onBusyMachine,
  async (shape) => {
    const run = { startGateway: startSourceGateway, seconds: 10 };
    const one = { arrangement: "gateway", shape, perSecond: 100 } as const;
    const period = await measureKnownQuota(one, run);
    expect(throttledShare(period)).toBe(0);
    expect(period.served / period.seconds / one.perSecond).toBeGreaterThan(0.96);
    expect(period.streams.map(({ failures }) => failures)).toEqual(
      Array.from({ length: 8 }, () => ({})),
    );
  },
);
