/** Who shares a quota with somebody greedy. */
import { expect, test } from "vitest";
import { measureFairness } from "../../bench/load/fairness.ts";
import { jain, okMsOf, percentile } from "../../bench/load/figures.ts";
import { startSourceGateway } from "./source-gateway.ts";

test(
  "a caller is served as if the one that asks for a hundred times as much were not there",
  { timeout: 90_000, retry: 2 },
  async () => {
    const run = { startGateway: startSourceGateway, seconds: 8 };
    const { alone, together } = await measureFairness("gateway", run);
    const modest = together.streams.filter(({ caller }) => caller.startsWith("modest"));
    const greedy = together.streams.filter(({ caller }) => caller === "greedy");
    const [lister] = together.streams.filter(({ caller }) => caller === "lister");

    for (const { ok, failures } of modest) {
      // Two a second is far below a fair share of fifty.
      expect(ok).toBeGreaterThanOrEqual(0.95 * 2 * together.seconds - 1);
      expect(failures).toEqual({});
    }
    expect(jain(modest.map(({ ok }) => ok))).toBeGreaterThan(0.98);
    const p99 = percentile(okMsOf(modest), 0.99);
    // Its p99 is its slowest call or the one before: not much of a percentile, hence one wait for a turn on top.
    expect(p99).toBeLessThan(2 * percentile(okMsOf(alone.streams), 0.99) + 2 * (1_000 / 50));
    // It waits at the head of its own queue, not behind the greedy one's.
    expect(p99).toBeLessThan(percentile(okMsOf(greedy), 0.5));
    expect(greedy[0]?.ok).toBeGreaterThan(0);
    // A list has one turn of seventeen, and is not starved.
    expect(lister?.ok).toBeGreaterThan(0);
    expect(together.throttled).toBe(0);
  },
);
