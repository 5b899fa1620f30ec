import { describe, expect, test } from "vitest";
import { createUpstreamMetrics } from "../../../../src/observability/metrics/upstream-metrics.ts";

const linesOf = ({ families }: ReturnType<typeof createUpstreamMetrics>): string[] =>
  families.flatMap((family) => family.text().split("\n"));

describe("the queue metrics", () => {
  test("attempts that got a permit are counted with the time that they waited", () => {
    const metrics = createUpstreamMetrics([]);
    const count = metrics.upstreamCounter("eu");
    count({ kind: "attemptGranted", priority: "interactive", waitMs: 0 });
    count({ kind: "attemptGranted", priority: "interactive", waitMs: 30 });

    const lines = linesOf(metrics);

    const wait = "keyprotect_gateway_queue_wait_seconds";
    expect(lines).toContain(`${wait}_bucket{instance="eu",class="interactive",le="0.001"} 1`);
    expect(lines).toContain(`${wait}_bucket{instance="eu",class="interactive",le="0.025"} 1`);
    expect(lines).toContain(`${wait}_bucket{instance="eu",class="interactive",le="0.05"} 2`);
    expect(lines).toContain(`${wait}_sum{instance="eu",class="interactive"} 0.03`);
    expect(lines).toContain(`${wait}_count{instance="eu",class="bulk"} 0`);
  });

  test("shed attempts are counted by reason and class, and every series exists from the start", () => {
    const metrics = createUpstreamMetrics([]);
    const count = metrics.upstreamCounter("eu");
    count({ kind: "attemptShed", reason: "EVICTED", priority: "bulk" });

    const lines = linesOf(metrics);

    const shed = "keyprotect_gateway_shed_total";
    expect(lines).toContain(`${shed}{instance="eu",reason="EVICTED",class="bulk"} 1`);
    expect(lines).toContain(`${shed}{instance="eu",reason="EVICTED",class="interactive"} 0`);
    expect(lines.filter((line) => line.startsWith(`${shed}{`))).toHaveLength(10 * 3);
  });
});
