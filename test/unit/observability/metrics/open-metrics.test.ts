import { describe, expect, test } from "vitest";
import { createHistogramFamily } from "../../../../src/observability/metrics/families.ts";
import { createMetrics } from "../../../../src/observability/metrics/metrics.ts";
import {
  prefersOpenMetrics,
  toOpenMetrics,
} from "../../../../src/observability/metrics/open-metrics.ts";

const none = new Map();
const samplesOf = (text: string): string[] =>
  text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

describe("OpenMetrics", () => {
  test("heads name counters without `_total`, quotes are escaped, and the text ends with EOF", () => {
    const text = [
      '# HELP a_total Counts "all".',
      "# TYPE a_total counter",
      "a_total 1",
      "",
      "# HELP b_total A gauge of this name.",
      "# TYPE b_total gauge",
      "b_total 2",
      "",
    ].join("\n");
    expect(toOpenMetrics(text, none)).toBe(
      [
        String.raw`# HELP a Counts \"all\".`,
        "# TYPE a counter",
        "a_total 1",
        "# HELP b_total A gauge of this name.",
        "# TYPE b_total gauge",
        "b_total 2",
        "# EOF",
        "",
      ].join("\n"),
    );
  });

  test("each bucket has the trace of its newest recorded value, and none without one", () => {
    const definition = { name: "h", type: "histogram", help: "Measures.", labels: ["a"] } as const;
    const family = createHistogramFamily(definition, [1, 2]);
    const series = family.series("x");
    series.observe(0.5, "f".repeat(32));
    series.observe(0.75, "e".repeat(32));
    series.observe(0.8);
    series.observe(1.5);
    series.observe(9, "d".repeat(32));
    const lines = toOpenMetrics(family.text(), family.exemplars()).split("\n");
    expect(lines.filter((line) => line.startsWith("h_bucket"))).toEqual([
      expect.stringMatching(/^h_bucket\{a="x",le="1"\} 3 # \{trace_id="e{32}"\} 0\.75 \d+\.\d{3}$/),
      'h_bucket{a="x",le="2"} 4',
      expect.stringMatching(/^h_bucket\{a="x",le="\+Inf"\} 5 # \{trace_id="d{32}"\} 9 \d+\.\d{3}$/),
    ]);
    // The ordinary text has no exemplars.
    expect(family.text()).not.toContain("trace_id");
  });

  test("both formats have the same samples", async () => {
    const metrics = createMetrics({ hasProcessMetrics: false });
    expect(samplesOf(await metrics.openMetrics())).toEqual(samplesOf(await metrics.text()));
  });
});

describe("the preferred format", () => {
  test.each([
    // Prometheus 2 and 3.
    [
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      true,
    ],
    [
      "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
      true,
    ],
    ["application/openmetrics-text; version=1.0.0", true],
    ["application/openmetrics-text", true],
    ["Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8", true],
    ["application/openmetrics-text; version=0.0.1", false],
    ["application/openmetrics-text; version=1.0.0; q=0", false],
    ["application/openmetrics-text;q=0.3,text/plain;q=0.9", false],
    ["text/plain;version=0.0.4", false],
    ["*/*", false],
    ["", false],
    ["application/openmetrics-text; q=rubbish", false],
  ])("Accept: %s asks for OpenMetrics: %s", (accept, isOpen) => {
    expect(prefersOpenMetrics(accept)).toBe(isOpen);
  });
});
