/** The queries of the documents can be copied, and name metrics and labels that exist. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { hasPromtool } from "../support/deployment-tools.ts";
import { anchorOf } from "../../scripts/docs/markdown.ts";
import { headingsOf, markdownFiles, readText, root } from "./documents.ts";
import { problemsOf } from "./promql.ts";

const ruleFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          annotations: z.strictObject({ summary: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const alerts = ruleFile
  .parse(parse(readText("deploy/monitoring/alerts.yaml")))
  .groups.flatMap(({ rules }) => rules);

describe("the alerts", () => {
  test.each(alerts)("the alert $alert names metrics and labels that exist", ({ expr }) => {
    expect(problemsOf(expr)).toEqual([]);
  });

  test("the runbook has one section for each alert, in the order of the rule file", () => {
    const [, ...sections] = headingsOf(readText("docs/runbook.md"), 2);
    expect(sections).toEqual(alerts.map(({ alert }) => alert));
  });

  test.each(alerts)(
    "the alert $alert names its section of the runbook",
    ({ alert, annotations }) => {
      expect(annotations.runbook).toBe(`docs/runbook.md#${anchorOf(alert)}`);
    },
  );

  if (hasPromtool()) {
    test("the alerts fire for the trouble that they are named after, and not in a quiet fleet", () => {
      const file = "test/docs/alerts-promtool.yaml";
      const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], {
        cwd: root,
        encoding: "utf8",
      });
      expect(`${stdout}${stderr}`).not.toContain("FAILED");
      expect(status).toBe(0);
    }, 60_000);
  }
});

describe("queries in documents", () => {
  test.each(markdownFiles)("no code in a table of %s has an escaped character", (file) => {
    // A reader who copies the source of the document would get the backslash too.
    const rows = readText(file)
      .split("\n")
      .filter((line) => line.startsWith("|"));
    expect(rows.filter((row) => /`[^`]*\\\|[^`]*`/.test(row))).toEqual([]);
  });

  test("the queries of docs/metrics.md name metrics and labels that exist", () => {
    const section = readText("docs/metrics.md").split("## What to watch")[1] ?? "";
    const queries = [
      ...[...section.matchAll(/`([^`\n]*keyprotect_gateway_[^`\n]*)`/g)].map(
        ([, code = ""]) => code,
      ),
      ...[...section.matchAll(/```promql\n([^`]*)```/g)].map(([, code = ""]) => code),
    ];
    expect(queries.length).toBeGreaterThan(10);
    expect(queries.flatMap(problemsOf)).toEqual([]);
  });
});
