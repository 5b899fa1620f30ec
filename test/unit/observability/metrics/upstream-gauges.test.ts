import { describe, expect, test } from "vitest";
import { createUpstreamGauges } from "../../../../src/observability/metrics/upstream-gauges.ts";
import { upstreamState } from "./upstream-state.ts";

const linesOf = (gauges: { text(): string }): string[] => gauges.text().split("\n");

describe("the gauges of instances", () => {
  test("the gauges show rate, phase, pause, budget and queue per instance", () => {
    const gauges = createUpstreamGauges();
    gauges.watch("main", () =>
      upstreamState({
        rate: { perSecond: 99.5, safePerSecond: 98.5, phase: "probe", pausedForMs: 1_500 },
        queue: { interactive: 3, management: 0, bulk: 1, callers: 2 },
      }),
    );
    gauges.watch("other", () =>
      upstreamState({
        queue: { interactive: 4, management: 2, bulk: 0, callers: 1 },
        retryBudget: 12.5,
      }),
    );

    const lines = linesOf(gauges);

    expect(lines).toContain('keyprotect_gateway_queued{instance="main",class="interactive"} 3');
    expect(lines).toContain('keyprotect_gateway_queued{instance="other",class="interactive"} 4');
    expect(lines).toContain('keyprotect_gateway_queued{instance="other",class="management"} 2');
    expect(lines).toContain('keyprotect_gateway_queued{instance="main",class="bulk"} 1');
    expect(lines).toContain('keyprotect_gateway_rate_per_second{instance="main"} 99.5');
    expect(lines).toContain('keyprotect_gateway_safe_rate_per_second{instance="main"} 98.5');
    expect(lines).toContain('keyprotect_gateway_pause_seconds{instance="main"} 1.5');
    expect(lines).toContain('keyprotect_gateway_pause_seconds{instance="other"} 0');
    expect(lines).toContain('keyprotect_gateway_retry_budget{instance="other"} 12.5');
  });

  test("the phase gauge is 1 for exactly one phase per instance", () => {
    const gauges = createUpstreamGauges();
    const rate = { perSecond: 1, safePerSecond: 1, pausedForMs: undefined } as const;
    let phase: "unpaced" | "slow-start" | "hold" | "probe" | "blackout" = "unpaced";
    gauges.watch("main", () => upstreamState({ rate: { ...rate, phase } }));

    for (phase of ["unpaced", "slow-start", "hold", "probe", "blackout"] as const) {
      const lines = linesOf(gauges).filter((line) => line.includes("_phase{"));
      expect(lines).toHaveLength(5);
      expect(lines.filter((line) => line.endsWith(" 1"))).toEqual([
        `keyprotect_gateway_quota_phase{instance="main",phase="${phase}"} 1`,
      ]);
    }
  });

  test("the rate gauges are absent while the rate is not limited", () => {
    const gauges = createUpstreamGauges();
    gauges.watch("main", () => upstreamState());

    expect(gauges.text()).not.toMatch(/rate_per_second\{/);
  });
});
