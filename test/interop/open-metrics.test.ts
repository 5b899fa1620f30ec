/**
 * Prometheus' Python client, whose parser of OpenMetrics is strict, reads the metrics of a gateway.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { metricDefinitions } from "../../src/observability/metrics/definitions.ts";
import { startOtlpSink } from "../support/otlp-sink.ts";
import { startTestGateway } from "../support/start-gateway.ts";
import { installPython, pythonProbe } from "./python-tools.ts";
import { isInstalled } from "./toolchains.ts";

const here = join(import.meta.dirname, "open-metrics");
const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";

const reading = z.object({
  names: z.record(z.string(), z.string()),
  exemplars: z.array(
    z.object({
      name: z.string(),
      labels: z.record(z.string(), z.string()),
      trace: z.string(),
      value: z.number(),
      at: z.number(),
    }),
  ),
});

/** The metrics of a gateway that has recorded a call, in the format OpenMetrics. */
async function openMetrics(): Promise<string> {
  await using sink = await startOtlpSink();
  await using gateway = await startTestGateway({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url },
    deps: { hasProcessMetrics: true },
  });
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
  await gateway.call(gateway.clients.keys, "countKeys", {}, { metadata: { traceparent } });
  const { host, port } = gateway.gateway.admin;
  const answer = await fetch(`http://${host}:${port}/metrics`, {
    headers: { accept: "application/openmetrics-text;version=1.0.0", connection: "close" },
  });
  expect(answer.headers.get("content-type")).toMatch(/^application\/openmetrics-text; version=1/);
  return answer.text();
}

// left-out.ts says that this test is left out, with the others that need Python.
if (isInstalled({ tests: "the test of OpenMetrics", probe: pythonProbe })) {
  test("a strict parser of OpenMetrics reads all metrics, and finds the trace of a recorded call", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keyprotect-open-metrics-"));
    try {
      const programs = await installPython(join(folder, "venv"), join(here, "requirements.txt"));
      const read = (text: string) =>
        spawnSync(join(programs, "python"), [join(here, "read.py")], {
          input: text,
          encoding: "utf8",
        });
      const text = await openMetrics();
      const { status, stdout, stderr } = read(text);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const { names, exemplars } = reading.parse(JSON.parse(stdout));
      for (const { name, type } of Object.values(metricDefinitions)) {
        expect(names[name.replace(/_total$/, "")], name).toBe(type);
      }
      expect(names["nodejs_gc_duration_seconds"]).toBe("histogram");
      expect(exemplars).toHaveLength(1);
      expect(exemplars[0]).toMatchObject({
        name: "grpc_server_handling_seconds_bucket",
        labels: { grpc_method: "CountKeys" },
        trace: traceId,
      });
      expect(Math.abs((exemplars[0]?.at ?? 0) * 1_000 - Date.now())).toBeLessThan(120_000);

      // The parser is as strict as the test needs it.
      for (const wrong of [
        text.replace("# EOF\n", ""),
        text.replace(
          "# TYPE grpc_server_started counter",
          "# TYPE grpc_server_started_total counter",
        ),
        text.replace("# HELP", "\n# HELP"),
      ]) {
        expect(read(wrong).status).toBe(1);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 180_000);
}
