import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type { CallObserver, CallOutcome } from "../../../../src/grpc/call/call-observer.ts";
import { callContext } from "../../../support/call-context.ts";
import type { EndedByLibrary } from "../../../../src/grpc/server/raw-call-interceptor.ts";
import type { OnAnomaly } from "../../../../src/keyprotect/anomaly.ts";
import { grpcCodeOf, grpcCodes } from "../../../../src/observability/metrics/call-metrics.ts";
import { metricDefinitions } from "../../../../src/observability/metrics/definitions.ts";
import { createMetrics } from "../../../../src/observability/metrics/metrics.ts";
import { streamPaths } from "../../../../src/access/item-rows.ts";
import { rpcOf, rpcTable } from "../../../../src/rpc-table.ts";
import type { Emit } from "../../../../src/upstream/meter.ts";

const getKey = rpcOf("/keyprotect.v1.KeysService/GetKey");
const labels = 'grpc_type="unary",grpc_service="keyprotect.v1.KeysService",grpc_method="GetKey"';
const quiet = { hasProcessMetrics: false } as const;

async function linesOf(metrics: { text(): Promise<string> }): Promise<string[]> {
  return (await metrics.text()).split("\n");
}

/** How a call of GetKey ended. */
const outcome = (code: status, durationMs: number, reason: CallOutcome["reason"]): CallOutcome => ({
  context: callContext("GetKey"),
  code,
  reason,
  durationMs,
  mayHaveExecuted: false,
  error: undefined,
});

describe("metrics of calls", () => {
  test("the call metrics have series for every RPC before the first call", async () => {
    const lines = await linesOf(createMetrics(quiet));

    for (const { service, method, path } of rpcTable) {
      const type = streamPaths.has(path) ? "bidi_stream" : "unary";
      const rpc = `grpc_type="${type}",grpc_service="${service}",grpc_method="${method}"`;
      expect(lines).toContain(`grpc_server_started_total{${rpc}} 0`);
      expect(lines).toContain(`grpc_server_handled_total{${rpc},grpc_code="Unavailable"} 0`);
      expect(lines).toContain(`grpc_server_handling_seconds_count{${rpc}} 0`);
    }
  });

  test("a call that succeeds is counted as started, received, sent and handled", async () => {
    const metrics = createMetrics(quiet);
    metrics.callStarted(getKey);
    expect(await linesOf(metrics)).toContain("keyprotect_gateway_inflight 1");

    metrics.callEnded(outcome(status.OK, 20, undefined));

    const lines = await linesOf(metrics);
    expect(lines).toContain("keyprotect_gateway_inflight 0");
    expect(lines).toContain(`grpc_server_started_total{${labels}} 1`);
    expect(lines).toContain(`grpc_server_msg_received_total{${labels}} 1`);
    expect(lines).toContain(`grpc_server_msg_sent_total{${labels}} 1`);
    expect(lines).toContain(`grpc_server_handled_total{${labels},grpc_code="OK"} 1`);
    expect(lines).toContain(`grpc_server_handling_seconds_bucket{${labels},le="0.01"} 0`);
    expect(lines).toContain(`grpc_server_handling_seconds_bucket{${labels},le="0.025"} 1`);
  });

  test("a rejection is counted by status and reason, and sends no message", async () => {
    const metrics = createMetrics(quiet);
    metrics.callStarted(getKey);

    metrics.callEnded(outcome(status.UNAVAILABLE, 1, "CIRCUIT_OPEN"));

    const lines = await linesOf(metrics);
    expect(lines).toContain(`grpc_server_msg_sent_total{${labels}} 0`);
    expect(lines).toContain(`grpc_server_handled_total{${labels},grpc_code="Unavailable"} 1`);
    expect(lines).toContain('keyprotect_gateway_rejected_total{reason="CIRCUIT_OPEN"} 1');
  });

  test.each([
    [0, 1],
    [1, 0],
  ])(
    "a call that ends with UPSTREAM_RATE_LIMITED after %d requests is %d rejection of the gateway",
    async (attempts, counted) => {
      const metrics = createMetrics(quiet);
      metrics.callStarted(getKey);
      const ended = outcome(status.RESOURCE_EXHAUSTED, 1, "UPSTREAM_RATE_LIMITED");
      const context = { ...ended.context, attemptLog: { attempts, httpStatus: undefined } };

      metrics.callEnded({ ...ended, context });

      expect(await linesOf(metrics)).toContain(
        `keyprotect_gateway_rejected_total{reason="UPSTREAM_RATE_LIMITED"} ${counted}`,
      );
    },
  );

  test("a rejection by the upstream is not counted as one by the gateway", async () => {
    const metrics = createMetrics(quiet);
    metrics.callStarted(getKey);

    metrics.callEnded(outcome(status.NOT_FOUND, 1, "KEY_NOT_FOUND"));

    expect(await metrics.text()).not.toContain("KEY_NOT_FOUND");
  });

  test("a call that grpc-js ended is counted under its own RPC, or as unknown", async () => {
    const metrics = createMetrics(quiet);

    metrics.callEndedByLibrary(getKey.path, status.DEADLINE_EXCEEDED);
    metrics.callEndedByLibrary("/attacker.Chosen/Text", status.UNIMPLEMENTED);
    metrics.callEndedByLibrary(undefined, status.UNKNOWN);

    const lines = await linesOf(metrics);
    expect(lines).toContain(`grpc_server_handled_total{${labels},grpc_code="DeadlineExceeded"} 1`);
    expect(lines).toContain(`grpc_server_msg_received_total{${labels}} 0`);
    expect(lines).toContain(
      'keyprotect_gateway_ended_by_library_total{grpc_code="Unimplemented"} 1',
    );
    expect(lines).toContain(
      'grpc_server_started_total{grpc_type="unary",grpc_service="unknown",grpc_method="unknown"} 2',
    );
    expect(lines.join("\n")).not.toContain("attacker");
    expect(lines).toContain("keyprotect_gateway_inflight 0");
  });

  test("a failed change that may have happened is counted as ambiguous", async () => {
    const metrics = createMetrics(quiet);

    const context = callContext("CreateKey");
    metrics.callEnded({
      ...outcome(status.UNKNOWN, 1, "OUTCOME_UNKNOWN"),
      context,
      mayHaveExecuted: true,
    });

    expect(await linesOf(metrics)).toContain(
      'keyprotect_gateway_ambiguous_total{method="CreateKey"} 1',
    );
  });
});

describe("metrics of the upstream", () => {
  test("requests to the upstream are counted by operation and outcome", async () => {
    const metrics = createMetrics({ ...quiet, operations: ["IamToken"] });
    const count = metrics.upstreamCounter("eu");
    count({ kind: "requestStarted" });
    count({ kind: "requestStarted" });
    count({
      kind: "requestEnded",
      operation: "GetKey",
      outcome: "2xx",
      seconds: 0.2,
    });
    count({
      kind: "requestEnded",
      operation: "IamToken",
      outcome: "IAM_UNAVAILABLE",
      seconds: 1,
    });

    const lines = await linesOf(metrics);

    expect(lines).toContain(
      'keyprotect_gateway_upstream_requests_total{operation="GetKey",outcome="2xx"} 1',
    );
    expect(lines).toContain(
      'keyprotect_gateway_upstream_requests_total{operation="IamToken",outcome="IAM_UNAVAILABLE"} 1',
    );
    expect(lines).toContain('keyprotect_gateway_upstream_seconds_sum{operation="GetKey"} 0.2');
    expect(lines).toContain("keyprotect_gateway_upstream_inflight 0");
  });

  test("every attempt is counted by outcome, and each 429 as throttled too", async () => {
    const metrics = createMetrics(quiet);
    const count = metrics.upstreamCounter("eu");
    count({ kind: "attemptEnded", operation: "GetKey", outcome: "429" });
    count({ kind: "attemptEnded", operation: "GetKey", outcome: "2xx" });
    count({ kind: "attemptEnded", operation: "GetKey", outcome: "RESET" });
    count({ kind: "attemptEnded", operation: "free text", outcome: "2xx" });

    const lines = await linesOf(metrics);

    const attempts = "keyprotect_gateway_upstream_attempts_total";
    expect(lines).toContain(`${attempts}{operation="GetKey",outcome="429"} 1`);
    expect(lines).toContain(`${attempts}{operation="GetKey",outcome="2xx"} 1`);
    expect(lines).toContain(`${attempts}{operation="GetKey",outcome="RESET"} 1`);
    expect(lines).toContain(`${attempts}{operation="other",outcome="2xx"} 1`);
    expect(lines).toContain(`${attempts}{operation="UnwrapKey",outcome="429"} 0`);
    expect(lines).toContain('keyprotect_gateway_upstream_throttled_total{instance="eu"} 1');
  });

  test("requests that shared another one are counted by operation", async () => {
    const metrics = createMetrics(quiet);
    const count = metrics.upstreamCounter("eu");
    count({ kind: "requestShared", operation: "UnwrapKey" });
    count({ kind: "requestShared", operation: "free text" });

    const lines = await linesOf(metrics);

    const shared = "keyprotect_gateway_upstream_shared_total";
    expect(lines).toContain(`${shared}{operation="UnwrapKey"} 1`);
    expect(lines).toContain(`${shared}{operation="other"} 1`);
  });

  test("retries are counted by kind under the labels that dashboards know", async () => {
    const metrics = createMetrics(quiet);
    const count = metrics.upstreamCounter("eu");
    count({ kind: "retried", operation: "GetKey", retry: "immediate" });
    count({ kind: "retried", operation: "GetKey", retry: "requeue" });

    const lines = await linesOf(metrics);

    const retries = "keyprotect_gateway_repeats_total";
    expect(lines).toContain(`${retries}{kind="atOnce"} 1`);
    expect(lines).toContain(`${retries}{kind="backoff"} 0`);
    expect(lines).toContain(`${retries}{kind="requeue"} 1`);
  });

  test("opened circuits and connections are counted", async () => {
    const metrics = createMetrics(quiet);
    const count = metrics.upstreamCounter("eu");
    metrics.countHost({ kind: "circuitOpened", circuit: "management" });
    count({ kind: "connectionOpened" });
    count({ kind: "connectionOpened" });
    count({ kind: "connectionFailed" });

    const lines = await linesOf(metrics);

    expect(lines).toContain('keyprotect_gateway_circuits_opened_total{circuit="management"} 1');
    expect(lines).toContain('keyprotect_gateway_circuits_opened_total{circuit="data"} 0');
    expect(lines).toContain("keyprotect_gateway_connections_opened_total 2");
    expect(lines).toContain("keyprotect_gateway_connections_failed_total 1");
  });

  test("unknown operations are counted under one name", async () => {
    const metrics = createMetrics(quiet);
    const count = metrics.upstreamCounter("eu");

    count({
      kind: "requestEnded",
      operation: "free text 1",
      outcome: "2xx",
      seconds: 0,
    });
    count({
      kind: "requestEnded",
      operation: "free text 2",
      outcome: "RESET",
      seconds: 0,
    });

    const text = await metrics.text();
    expect(text).not.toContain("free text");
    expect(text).toContain('keyprotect_gateway_upstream_seconds_count{operation="other"} 2');
  });

  test("anomalies, unknown reasons and token refreshes are counted", async () => {
    const metrics = createMetrics(quiet);
    metrics.unknownUpstreamReason();
    metrics.upstreamAnomaly("malformed_date");
    metrics.iamRefreshed("container", "rejected");

    const lines = await linesOf(metrics);

    expect(lines).toContain("keyprotect_gateway_unknown_upstream_reason_total 1");
    expect(lines).toContain('keyprotect_gateway_upstream_anomalies_total{kind="malformed_date"} 1');
    const refreshed = lines.filter((line) => line.startsWith("keyprotect_gateway_iam_refresh"));
    expect(refreshed).toHaveLength(12);
    expect(refreshed.filter((line) => line.endsWith(" 1"))).toEqual([
      'keyprotect_gateway_iam_refresh_total{auth_type="container",result="rejected"} 1',
    ]);
  });

  test("the oldest token and the first certificate to expire are read at the scrape", async () => {
    const metrics = createMetrics(quiet);
    let ageSeconds: number | undefined;
    metrics.watchTokenAge(() => ageSeconds);
    metrics.watchTokenAge(() => undefined);
    metrics.watchCertificateExpiry(() => 3_600);
    metrics.watchCertificateExpiry(() => -5);
    expect(await metrics.text()).not.toMatch(/^keyprotect_gateway_iam_token_age_seconds /m);

    ageSeconds = 12;

    const lines = await linesOf(metrics);
    expect(lines).toContain("keyprotect_gateway_iam_token_age_seconds 12");
    expect(lines).toContain("keyprotect_gateway_certificate_expiry_seconds -5");
  });
});

describe("the metrics of a gateway", () => {
  test("the metrics of two gateways are independent", async () => {
    const one = createMetrics(quiet);
    const other = createMetrics(quiet);

    one.callStarted(getKey);

    expect(await linesOf(other)).toContain("keyprotect_gateway_inflight 0");
  });

  test("the metrics include those of the process by default", async () => {
    expect(await createMetrics().text()).toContain("process_cpu_seconds_total");
  });

  test("the exposed metrics are exactly those that are defined, each with its help", async () => {
    const lines = await linesOf(createMetrics(quiet));
    const definitions = Object.values(metricDefinitions);

    const names = lines
      .filter((line) => line.startsWith("# TYPE"))
      .map((line) => line.split(" ")[2]);

    expect(new Set(names)).toEqual(new Set(definitions.map(({ name }) => name)));
    expect(names).toHaveLength(definitions.length);
    for (const { name, help } of definitions) expect(lines).toContain(`# HELP ${name} ${help}`);
  });

  test("the metrics have the types that calls, grpc-js endings, pipelines and anomalies expect", () => {
    const metrics = createMetrics(quiet);
    const calls: CallObserver = metrics;
    const emit: Emit = metrics.upstreamCounter("eu");
    const ended: EndedByLibrary = metrics.callEndedByLibrary;
    const anomaly: OnAnomaly = metrics.upstreamAnomaly;

    expect(calls).toBe(metrics);
    expect([emit, ended, anomaly].map((each) => typeof each)).toEqual(
      Array.from({ length: 3 }, () => "function"),
    );
  });
});

describe("grpc codes", () => {
  test("the gRPC codes have the names of go-grpc", () => {
    expect(grpcCodes).toHaveLength(17);
    expect(grpcCodeOf(status.CANCELLED)).toBe("Canceled");
    expect(grpcCodeOf(status.DEADLINE_EXCEEDED)).toBe("DeadlineExceeded");
    expect(grpcCodeOf(status.UNAUTHENTICATED)).toBe("Unauthenticated");
    expect(grpcCodeOf(99)).toBe("Unknown");
    for (let code = 0; code < 17; code += 1) {
      const name = status[code]?.replaceAll("_", "").toLowerCase().replace("cancelled", "canceled");
      expect(grpcCodeOf(code).toLowerCase()).toBe(name);
    }
  });
});
