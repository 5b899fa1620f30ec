/** The dashboards show metrics that exist, with texts and a layout that can be read. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { dashboards } from "../../scripts/dashboards/dashboards.ts";
import { metricDefinitions } from "../../src/observability/metrics/definitions.ts";
import { readText } from "../docs/documents.ts";
import { hasPromtool } from "../support/deployment-tools.ts";
import { problemsOf } from "../docs/promql.ts";

const place = z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() });
const panelSchema = z.object({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  description: z.string().optional(),
  gridPos: place,
  targets: z
    .array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() }))
    .default([]),
});
const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  templating: z.object({
    list: z.array(z.object({ name: z.string(), query: z.unknown() })),
  }),
  panels: z.array(panelSchema),
});

const read = (file: string): z.infer<typeof dashboardSchema> =>
  dashboardSchema.parse(JSON.parse(readText(file)));
const queries = [...dashboards.keys()].flatMap((file) =>
  read(file).panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ file, title, expr, legendFormat })),
  ),
);
/** A query as Grafana sends it. */
const filledIn = (expr: string): string =>
  expr.replaceAll("$__rate_interval", "1m").replaceAll("$job", ".*").replaceAll("$kp", "eu");

describe.each([...dashboards.keys()])("%s", (file) => {
  const { panels, templating } = read(file);
  const shown = panels.filter(({ type }) => type !== "row");

  test(`no two panels of ${file} overlap, and all fit into the width`, () => {
    const taken = new Set<string>();
    for (const { gridPos, title } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  test(`every panel of ${file} has a title of its own, an explanation and a query`, () => {
    expect(new Set(shown.map(({ title }) => title)).size).toBe(shown.length);
    for (const { title, description, targets } of shown) {
      expect(description?.length, title).toBeGreaterThan(20);
      expect(targets.length, title).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    }
  });

  test(`every variable in the queries of ${file} is defined`, () => {
    const defined = new Set([...templating.list.map(({ name }) => name), "__rate_interval"]);
    const used = shown
      .flatMap(({ targets }) => targets)
      .flatMap(({ expr }) => [...expr.matchAll(/\$\{?(\w+)/g)].map(([, name = ""]) => name));
    expect(used.filter((name) => !defined.has(name))).toEqual([]);
  });
});

test.each(queries)("the query $legendFormat of `$title` names what exists", ({ expr }) => {
  expect(problemsOf(filledIn(expr))).toEqual([]);
});

test.each(queries)(
  "the legend $legendFormat of `$title` names labels that the query keeps",
  ({ expr, legendFormat }) => {
    const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(", ") ?? ["instance"];
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
    expect(shown.filter((label) => !kept.includes(label))).toEqual([]);
  },
);

test("a query with a metric or a label that does not exist is noticed", () => {
  expect(problemsOf("keyprotect_gateway_nothing")).toEqual([
    "no metric keyprotect_gateway_nothing",
  ]);
  expect(problemsOf('keyprotect_gateway_queued{colour="red"}')).toEqual([
    "keyprotect_gateway_queued has no label colour",
  ]);
  expect(problemsOf("sum by (colour) (keyprotect_gateway_queued)")).toHaveLength(1);
});

test("the dashboards show every metric of an alert, except for counters of single events", () => {
  const shown = queries.map(({ expr }) => expr).join("\n");
  const alerts = readText("deploy/monitoring/alerts.yaml");
  const named = Object.values(metricDefinitions)
    .map(({ name }) => name)
    .filter((name) => alerts.includes(name));
  const missing = named.filter((name) => !shown.includes(name));
  expect(missing).toEqual([
    "keyprotect_gateway_redis_failures_total",
    "keyprotect_gateway_request_id_losses_total",
    "keyprotect_gateway_request_id_risk",
  ]);
});

test("the alerts of the Prometheus operator are those of the rule file", () => {
  const { spec } = z
    .object({ spec: z.unknown() })
    .parse(parse(readText("deploy/monitoring/prometheus-rule.yaml")));
  expect(spec).toEqual(parse(readText("deploy/monitoring/alerts.yaml")));
});

if (hasPromtool()) {
  test("Prometheus can parse every query of the dashboards", () => {
    const folder = mkdtempSync(join(tmpdir(), "keyprotect-dashboards-"));
    try {
      const file = join(folder, "rules.yaml");
      const rules = queries.map(({ expr }, at) => ({
        record: `query:${at}`,
        expr: filledIn(expr),
      }));
      writeFileSync(file, stringify({ groups: [{ name: "dashboards", rules }] }));
      const { status, stderr, stdout } = spawnSync("promtool", ["check", "rules", file], {
        encoding: "utf8",
      });
      expect(`${stdout}${stderr}`).toContain(`${rules.length} rules found`);
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
