import { expect, test } from "vitest";
import { createRedisMetrics } from "../../../../src/observability/metrics/redis-metrics.ts";
import type { ShareKind } from "../../../../src/quota-share/fallback-share.ts";

const linesOf = ({ families }: ReturnType<typeof createRedisMetrics>): string[] =>
  families.flatMap((family) => family.text().split("\n")).filter((line) => !line.startsWith("#"));

test("a gateway without Redis has its counters at zero and no gauge of it", () => {
  const metrics = createRedisMetrics();
  const lines = linesOf(metrics).filter((line) => line !== "");
  expect(lines).toHaveLength(9);
  expect(lines.filter((line) => !/_total\{[^}]+\} 0$/.test(line))).toEqual([]);
});

test("the gauge of Redis follows whether it works", () => {
  const metrics = createRedisMetrics();
  let isUp = false;
  metrics.watchRedis(() => isUp);
  expect(linesOf(metrics)).toContain("keyprotect_gateway_redis_up 0");
  isUp = true;
  expect(linesOf(metrics)).toContain("keyprotect_gateway_redis_up 1");
});

test("the gauge of the share is 1 for exactly one kind, and absent where no quota is shared", () => {
  const metrics = createRedisMetrics();
  let kind: ShareKind = "lease";
  metrics.watchShare("main", () => ({ kind, unheard: 0, isDisputed: false }));
  metrics.watchShare("other", () => undefined);
  for (kind of ["lease", "kept", "slice", "static"] as const) {
    const lines = linesOf(metrics).filter((line) => line.includes("quota_share{"));
    expect(lines).toHaveLength(4);
    expect(lines.filter((line) => line.endsWith(" 1"))).toEqual([
      `keyprotect_gateway_quota_share{instance="main",kind="${kind}"} 1`,
    ]);
  }
});

test("the gauges of the share show missing replicas and a ceiling that differs", () => {
  const metrics = createRedisMetrics();
  metrics.watchShare("main", () => ({ kind: "lease", unheard: 2, isDisputed: true }));
  const lines = linesOf(metrics);
  expect(lines).toContain('keyprotect_gateway_quota_share_unheard{instance="main"} 2');
  expect(lines).toContain('keyprotect_gateway_quota_share_disputed{instance="main"} 1');
});

test("failures and losses are counted by kind, and a risk that is not known is absent", () => {
  const metrics = createRedisMetrics();
  metrics.redisFailed("REFUSED");
  metrics.requestIdsLost("latest");
  metrics.watchRequestIdRisks(() => ({ unpersisted: true, evicted: undefined }));
  const lines = linesOf(metrics);
  expect(lines).toContain('keyprotect_gateway_redis_failures_total{code="REFUSED"} 1');
  expect(lines).toContain('keyprotect_gateway_request_id_losses_total{what="latest"} 1');
  expect(lines).toContain('keyprotect_gateway_request_id_risk{risk="unpersisted"} 1');
  expect(lines.join("\n")).not.toContain("evicted");
});
