/** Key Protect fails for some seconds under full load. */
import { expect, test } from "vitest";
import { createArena, type Arena, type Period } from "../../bench/load/arena.ts";
import { failuresOf, percentile } from "../../bench/load/figures.ts";
import { createNames, gatewaySettings, saturating } from "../../bench/load/run-options.ts";
import { startSourceGateway } from "./source-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

const perSecond = 200;

async function seconds(arena: Arena, count: number): Promise<Period[]> {
  const periods: Period[] = [];
  for (let second = 0; second < count; second++) periods.push(await arena.measure(1_000));
  return periods;
}

test(
  "during an outage calls fail fast and Key Protect gets few requests; the full load returns without a burst",
  onBusyMachine,
  async () => {
    const callers = createNames("caller", 4);
    await using arena = await createArena({
      arrangement: "gateway",
      upstream: { shape: "bucket", perSecond },
      callers,
      startGateway: startSourceGateway,
      env: gatewaySettings({
        GATEWAY_RATE_CEILING: String(perSecond),
        GATEWAY_BREAKER_RESET_MS: "1000",
        GATEWAY_BREAKER_LONGEST_RESET_MS: "2000",
      }),
    });
    await arena.load.ask("start", saturating(callers, 12));
    await arena.measure(4_000);
    await arena.upstream.ask("setDead", true);
    const dead = await seconds(arena, 6);
    await arena.upstream.ask("setDead", false);
    const recovering = await seconds(arena, 16);

    // The circuit opens within the first seconds. Then it sends at most one probe per second, and
    // each may be retried once.
    const open = dead.slice(3);
    expect(open.reduce((sum, { lost }) => sum + lost, 0)).toBeLessThanOrEqual(9);
    expect(open.reduce((sum, { served }) => sum + served, 0)).toBe(0);
    const streams = open.flatMap((period) => period.streams);
    const failedMs = streams.flatMap((stream) => stream.failedMs).toSorted((a, b) => a - b);
    expect(failedMs.length).toBeGreaterThan(100);
    // The median is milliseconds on an idle machine. A failure that waited for Key Protect would
    // take a second or more.
    expect(percentile(failedMs, 0.5)).toBeLessThan(250);
    expect(Object.keys(failuresOf(streams))).toContain("UNAVAILABLE CIRCUIT_OPEN");

    expect(recovering.reduce((sum, { throttled }) => sum + throttled, 0)).toBe(0);
    const last = recovering.slice(-3).reduce((sum, { served }) => sum + served, 0);
    expect(last / 3 / perSecond).toBeGreaterThan(0.85);
  },
);
