import { describe, expect, test } from "vitest";
import { readTemplate } from "../../../src/console/assets.ts";
import type { FailedCall } from "../../../src/console/messages.ts";
import { escapeHtml, type PageContent, pageHtml, spanText } from "../../../src/console/page.ts";
import { pageText } from "../../../src/console/text-page.ts";
import { upstreamState } from "../observability/metrics/upstream-state.ts";

const hostile = `"><script>alert(1)</script>'&{{version}}\u001b[31m`;

const failure = (changes: Partial<FailedCall> = {}): FailedCall => ({
  id: 1,
  at: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  method: "WrapKey",
  code: "UNAVAILABLE",
  reason: "CIRCUIT_OPEN",
  instance: "default",
  durationMs: 1,
  attempts: 0,
  upstreamStatus: null,
  correlationId: "11111111-2222-4333-8444-555555555555",
  ...changes,
});

function content(changes: Partial<PageContent> = {}, alias = "default"): PageContent {
  const empty = { wrap: null, unwrap: null, other: null, all: null };
  return {
    latest: {
      at: 0,
      points: {},
      latency: { wrap: [], unwrap: [], other: [] },
      p50: empty,
      p99: empty,
      state: {
        version: "1.2.3",
        uptimeSeconds: 3_600,
        isDraining: false,
        instances: {
          [alias]: upstreamState({
            rate: { perSecond: 49.25, safePerSecond: 50, phase: "hold", pausedForMs: undefined },
          }),
        },
      },
      summaries: {
        [alias]: { word: "serving", why: "", sentPerSecond: 12.34, throttledInMinute: 7 },
      },
    },
    instance: alias,
    callers: [],
    failures: [failure()],
    failureCount: 1,
    certificateSeconds: undefined,
    ...changes,
  };
}

describe("the page that the server renders", () => {
  test("the page has the state of each instance in a table, also without a script", async () => {
    const html = pageHtml(await readTemplate(), content());

    expect(html).toContain('<tr data-alias="default" data-word="serving">');
    expect(html).toContain(
      '<td data-cell="allowed" data-title="Allowed/s" class="number">49.3</td>',
    );
    expect(html).toContain('<td data-title="Reason">CIRCUIT_OPEN</td>');
    expect(html).not.toContain("{{");
  });

  test("texts from outside are escaped everywhere, and are not filled as a template", async () => {
    const caller = { calls: 1, requests: 1, percent: 100, waiting: 0, refused: 0, failed: 0 };
    const html = pageHtml(
      await readTemplate(),
      content(
        {
          callers: [{ name: hostile, ...caller }],
          failures: [
            failure({
              correlationId: hostile,
              caller: hostile,
              reason: hostile,
              method: hostile,
              instance: hostile,
            }),
          ],
        },
        hostile,
      ),
    );

    expect(html).not.toContain("<script>alert");
    expect(html.split("&lt;script&gt;alert(1)&lt;/script&gt;").length - 1).toBeGreaterThan(7);
    expect(html).toContain("{{version}}");
  });

  test("the template has neither inline scripts nor inline styles", async () => {
    const template = await readTemplate();

    expect(template).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
    expect(template.match(/<script[^>]*>/g)).toEqual([
      '<script src="/console/uplot.js" defer>',
      '<script src="/console/main.js" type="module">',
    ]);
  });

  test("the text for curl has the same rows, aligned, and no control characters", () => {
    const lines = pageText(content({ failures: [failure({ reason: hostile })] })).split("\n");

    expect(lines[2]).toMatch(/^Instance +State +Allowed\/s +Sent\/s/);
    expect(lines[3]).toMatch(/^default +serving +49\.3 +12\.3 +7 +0 +0 of 32 +hold/);
    expect(lines[3]?.indexOf("serving")).toBe(lines[2]?.indexOf("State"));
    expect(lines.join("\n")).toContain("<script>alert(1)</script>");
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
  });

  test.each([
    [0, "0 s"],
    [119.9, "119 s"],
    [120, "2 min"],
    [7_200, "2 h"],
    [172_800, "2 d"],
  ])("%d seconds are written as %s", (seconds, text) => {
    expect(spanText(seconds)).toBe(text);
  });

  test("every character with a meaning in HTML is escaped", () => {
    expect(escapeHtml(`<a href="x" id='y'>&`)).toBe(
      "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;",
    );
  });
});
