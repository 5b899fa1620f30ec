import { describe, expect, test } from "vitest";
import { createQueueMetrics } from "../../../../src/observability/metrics/_queue-metrics.ts";

const linesOf = ({ families }: ReturnType<typeof createQueueMetrics>): string[] =>
  families.flatMap((family) => family.text().split("\n"));

describe("the metrics of the queue", () => {
  test("count the attempts that got a permit, and how long they waited", () => {
    const metrics = createQueueMetrics();
    metrics.callGranted("interactive", 0);
    metrics.callGranted("interactive", 30);

    const lines = linesOf(metrics);

    const wait = "keyprotect_gateway_queue_wait_seconds";
    expect(lines).toContain(`${wait}_bucket{class="interactive",le="0.001"} 1`);
    expect(lines).toContain(`${wait}_bucket{class="interactive",le="0.025"} 1`);
    expect(lines).toContain(`${wait}_bucket{class="interactive",le="0.05"} 2`);
    expect(lines).toContain(`${wait}_sum{class="interactive"} 0.03`);
    expect(lines).toContain(`${wait}_count{class="bulk"} 0`);
  });

  test("count the others by reason and class, every reason from the start", () => {
    const metrics = createQueueMetrics();
    metrics.callShed("EVICTED", "bulk");

    const lines = linesOf(metrics);

    const shed = "keyprotect_gateway_shed_total";
    expect(lines).toContain(`${shed}{reason="EVICTED",class="bulk"} 1`);
    expect(lines).toContain(`${shed}{reason="EVICTED",class="interactive"} 0`);
    expect(lines.filter((line) => line.startsWith(`${shed}{`))).toHaveLength(8 * 3);
  });
});
