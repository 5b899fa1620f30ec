/** Callers that share a quota with a caller that asks for far more. */
import { expect, test } from "vitest";
import { fairnessQuota, measureFairness, modestPerSecond } from "../../bench/load/fairness.ts";
import { jain, okMsOf, percentile } from "../../bench/load/figures.ts";
import { startSourceGateway } from "./source-gateway.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";

test(
  "a caller that asks for little is served in full and promptly beside one that asks for 100 times as much",
  onBusyMachine,
  async () => {
    const run = { startGateway: startSourceGateway, seconds: 10 };
    const { alone, together } = await measureFairness("gateway", run);
    const modest = together.streams.filter(({ caller }) => caller.startsWith("modest"));
    const greedy = together.streams.filter(({ caller }) => caller === "greedy");
    const [lister] = together.streams.filter(({ caller }) => caller === "lister");

    for (const { ok, failures } of modest) {
      // The caller asks for far less than its fair part. One call may have been active at the end.
      expect(ok).toBeGreaterThanOrEqual(0.95 * modestPerSecond * together.seconds - 1);
      expect(failures).toEqual({});
    }
    expect(jain(modest.map(({ ok }) => ok))).toBeGreaterThan(0.98);

    const p99 = percentile(okMsOf(modest), 0.99);
    const twiceAlone = 2 * percentile(okMsOf(alone.streams), 0.99);
    const twoTurnsMs = 2 * (1_000 / fairnessQuota);
    // With about 80 calls the p99 is the slowest one. It includes every moment for which the
    // process of the callers or of the upstream did not run.
    const lateMs = Math.max(...modest.map((stream) => stream.lateMs)) + together.lateMs;
    expect(p99).toBeLessThan(twiceAlone + twoTurnsMs + lateMs);
    // The caller waits at the head of its own queue and not behind the queue of the greedy caller.
    expect(p99).toBeLessThan(percentile(okMsOf(greedy), 0.5));

    expect(greedy[0]?.ok).toBeGreaterThan(0);
    // Lists get one permit of 21 and are not starved.
    expect(lister?.ok).toBeGreaterThan(0.5 * (fairnessQuota / 21) * together.seconds);
    expect(together.throttled).toBe(0);
  },
);
