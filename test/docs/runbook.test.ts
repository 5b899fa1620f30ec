/** The runbook: every section has its parts, and names what exists. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDocumentedLog } from "../support/documented-log.ts";
import { hasPromtool } from "../support/deployment-tools.ts";
import {
  codesIn,
  fencesOf,
  headingsOf,
  readText,
  root,
  rowsOfTables,
  sectionOf,
} from "./documents.ts";
import { problemsOf } from "./promql.ts";

const runbook = readText("docs/runbook.md");
const sections = headingsOf(runbook, 2)
  .slice(1)
  .map((name) => ({ name, text: sectionOf(runbook, name) }));

test.each(sections)(
  "the runbook of $name says what it means, where to look, why, and when it is over",
  ({ text }) => {
    const parts = ["**Meaning.** ", "**First look.** ", "\n| Cause | ", "**Over when** "];
    const places = parts.map((part) => text.indexOf(part));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    const causes = rowsOfTables(text, "Cause");
    expect(causes.length).toBeGreaterThan(1);
    expect(causes.filter((cells) => cells.length !== 3 || cells.includes(""))).toEqual([]);
  },
);

test.each(sections)("the queries in the runbook of $name name what exists", ({ text }) => {
  const queries = fencesOf(text).filter(({ label }) => label === "promql");
  expect(queries.length).toBeGreaterThan(0);
  expect(queries.flatMap(({ body }) => problemsOf(body))).toEqual([]);
});

test("every log message that the runbook names is one that the gateway writes", () => {
  const messages = codesIn(runbook).filter(
    (code) => /^\w+('s)? /.test(code) && !/^(?:kubectl|appendonly) /.test(code),
  );
  expect(messages.length).toBeGreaterThan(20);
  const known = readDocumentedLog();
  expect(messages.filter((message) => !known.has(message))).toEqual([]);
});

test("every field of the state that the runbook names is one that a gateway shows", () => {
  const fields = codesIn(runbook).filter((code) => /^(?:rate|token|share|queue)\./.test(code));
  expect(fields.length).toBeGreaterThan(3);
  const sources = ["src/observability/state.ts", "src/upstream/state.ts"].map(readText).join("\n");
  const shown = new Set([...sources.matchAll(/readonly (\w+)\??:/g)].map(([, name = ""]) => name));
  expect(fields.filter((field) => !shown.has(field.split(".")[1] ?? ""))).toEqual([]);
});

test("the runbook's command turns every annotation of an alert into a link", () => {
  const folder = mkdtempSync(join(tmpdir(), "keyprotect-alerts-"));
  try {
    cpSync(join(root, "deploy/monitoring"), join(folder, "deploy/monitoring"), { recursive: true });
    const command = fencesOf(runbook).find(({ label }) => label === "sh test")?.body ?? "exit 1";
    const run = (program: string, ...args: string[]) =>
      spawnSync(program, args, { cwd: folder, encoding: "utf8" });
    expect(run("sh", "-e", "-c", command)).toMatchObject({ status: 0, stderr: "" });
    const made = readFileSync(join(folder, "alerts-with-links.yaml"), "utf8");
    expect(made.match(/runbook_url: https:\/\/\S+\/docs\/runbook\.md#\w+/g)).toHaveLength(
      sections.length,
    );
    expect(made).not.toContain("runbook: ");
    if (hasPromtool()) {
      expect(run("promtool", "check", "rules", "alerts-with-links.yaml").status).toBe(0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
