import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import type { CallMeter } from "../../../../src/grpc/observers/call-metrics.ts";
import type { EndedByLibrary } from "../../../../src/grpc/server/raw-call-interceptor.ts";
import type { OnAnomaly } from "../../../../src/keyprotect/anomaly.ts";
import { grpcCodeOf, grpcCodes } from "../../../../src/observability/metrics/_grpc-code.ts";
import { metricDefinitions } from "../../../../src/observability/metrics/definitions.ts";
import { createMetrics } from "../../../../src/observability/metrics/metrics.ts";
import { rpcOf, rpcTable } from "../../../../src/rpc-table.ts";
import type { UpstreamMeter } from "../../../../src/upstream/observe.ts";
import type { RateLimitMeter } from "../../../../src/upstream/rate-limit/rate-limit.ts";
import type { ConnectionMeter } from "../../../../src/upstream/transport/pool.ts";

const getKey = rpcOf("/keyprotect.v1.KeysService/GetKey");
const labels = 'grpc_type="unary",grpc_service="keyprotect.v1.KeysService",grpc_method="GetKey"';
const quiet = { hasProcessMetrics: false } as const;

async function linesOf(metrics: { text(): Promise<string> }): Promise<string[]> {
  return (await metrics.text()).split("\n");
}

describe("metrics of calls", () => {
  test("are there for every RPC before the first call", async () => {
    const lines = await linesOf(createMetrics(quiet));

    for (const { service, method } of rpcTable) {
      const rpc = `grpc_type="unary",grpc_service="${service}",grpc_method="${method}"`;
      expect(lines).toContain(`grpc_server_started_total{${rpc}} 0`);
      expect(lines).toContain(`grpc_server_handled_total{${rpc},grpc_code="Unavailable"} 0`);
      expect(lines).toContain(`grpc_server_handling_seconds_count{${rpc}} 0`);
    }
  });

  test("count a call that succeeds", async () => {
    const metrics = createMetrics(quiet);
    metrics.callStarted(getKey);
    expect(await linesOf(metrics)).toContain("keyprotect_gateway_inflight 1");

    metrics.callHandled(getKey, status.OK, 0.02, undefined);

    const lines = await linesOf(metrics);
    expect(lines).toContain("keyprotect_gateway_inflight 0");
    expect(lines).toContain(`grpc_server_started_total{${labels}} 1`);
    expect(lines).toContain(`grpc_server_msg_received_total{${labels}} 1`);
    expect(lines).toContain(`grpc_server_msg_sent_total{${labels}} 1`);
    expect(lines).toContain(`grpc_server_handled_total{${labels},grpc_code="OK"} 1`);
    expect(lines).toContain(`grpc_server_handling_seconds_bucket{${labels},le="0.01"} 0`);
    expect(lines).toContain(`grpc_server_handling_seconds_bucket{${labels},le="0.025"} 1`);
  });

  test("count a refusal by status and reason, and no message sent", async () => {
    const metrics = createMetrics(quiet);
    metrics.callStarted(getKey);

    metrics.callHandled(getKey, status.UNAVAILABLE, 0.001, "CIRCUIT_OPEN");

    const lines = await linesOf(metrics);
    expect(lines).toContain(`grpc_server_msg_sent_total{${labels}} 0`);
    expect(lines).toContain(`grpc_server_handled_total{${labels},grpc_code="Unavailable"} 1`);
    expect(lines).toContain('keyprotect_gateway_rejected_total{reason="CIRCUIT_OPEN"} 1');
  });

  test("do not count as refused what the upstream refused", async () => {
    const metrics = createMetrics(quiet);
    metrics.callStarted(getKey);

    metrics.callHandled(getKey, status.NOT_FOUND, 0.001, "KEY_NOT_FOUND");

    expect(await metrics.text()).not.toContain("KEY_NOT_FOUND");
  });

  test("count a call that the library ended under its own RPC, or under none", async () => {
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

  test("count a change that may have happened", async () => {
    const metrics = createMetrics(quiet);

    metrics.callAmbiguous(rpcOf("/keyprotect.v1.KeysService/CreateKey"));

    expect(await linesOf(metrics)).toContain(
      'keyprotect_gateway_ambiguous_total{method="CreateKey"} 1',
    );
  });
});

describe("metrics of the upstream", () => {
  test("count requests by operation and outcome", async () => {
    const metrics = createMetrics({ ...quiet, operations: ["IamToken"] });
    metrics.upstreamStarted();
    metrics.upstreamStarted();
    metrics.upstreamEnded("GetKey", "2xx", 0.2);
    metrics.upstreamEnded("IamToken", "IAM_UNAVAILABLE", 1);

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

  test("count every attempt by itself, and those that were throttled once more", async () => {
    const metrics = createMetrics(quiet);
    metrics.upstreamAttempted("GetKey", "429");
    metrics.upstreamAttempted("GetKey", "2xx");
    metrics.upstreamAttempted("GetKey", "RESET");
    metrics.upstreamAttempted("free text", "2xx");

    const lines = await linesOf(metrics);

    const attempts = "keyprotect_gateway_upstream_attempts_total";
    expect(lines).toContain(`${attempts}{operation="GetKey",outcome="429"} 1`);
    expect(lines).toContain(`${attempts}{operation="GetKey",outcome="2xx"} 1`);
    expect(lines).toContain(`${attempts}{operation="GetKey",outcome="RESET"} 1`);
    expect(lines).toContain(`${attempts}{operation="other",outcome="2xx"} 1`);
    expect(lines).toContain(`${attempts}{operation="UnwrapKey",outcome="429"} 0`);
    expect(lines).toContain("keyprotect_gateway_upstream_throttled_total 1");
  });

  test("count the requests that shared an exchange", async () => {
    const metrics = createMetrics(quiet);
    metrics.upstreamShared("UnwrapKey");
    metrics.upstreamShared("free text");

    const lines = await linesOf(metrics);

    const shared = "keyprotect_gateway_upstream_shared_total";
    expect(lines).toContain(`${shared}{operation="UnwrapKey"} 1`);
    expect(lines).toContain(`${shared}{operation="other"} 1`);
  });

  test("count circuits that open and connections", async () => {
    const metrics = createMetrics(quiet);
    metrics.circuitOpened("management");
    metrics.connectionOpened();
    metrics.connectionOpened();
    metrics.connectionFailed();

    const lines = await linesOf(metrics);

    expect(lines).toContain('keyprotect_gateway_circuits_opened_total{circuit="management"} 1');
    expect(lines).toContain('keyprotect_gateway_circuits_opened_total{circuit="data"} 0');
    expect(lines).toContain("keyprotect_gateway_connections_opened_total 2");
    expect(lines).toContain("keyprotect_gateway_connections_failed_total 1");
  });

  test("gather unknown operations under one name", async () => {
    const metrics = createMetrics(quiet);

    metrics.upstreamEnded("free text 1", "2xx", 0);
    metrics.upstreamEnded("free text 2", "RESET", 0);

    const text = await metrics.text();
    expect(text).not.toContain("free text");
    expect(text).toContain('keyprotect_gateway_upstream_seconds_count{operation="other"} 2');
  });

  test("count oddities and refreshes", async () => {
    const metrics = createMetrics(quiet);
    metrics.unknownUpstreamReason();
    metrics.upstreamAnomaly("malformed_date");
    metrics.iamRefreshed("rejected");

    const lines = await linesOf(metrics);

    expect(lines).toContain("keyprotect_gateway_unknown_upstream_reason_total 1");
    expect(lines).toContain('keyprotect_gateway_upstream_anomalies_total{kind="malformed_date"} 1');
    expect(lines).toContain('keyprotect_gateway_iam_refresh_total{result="rejected"} 1');
    expect(lines).toContain('keyprotect_gateway_iam_refresh_total{result="ok"} 0');
  });

  test("show the oldest token and the first certificate to expire, read at the scrape", async () => {
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
  test("share nothing with those of another", async () => {
    const one = createMetrics(quiet);
    const other = createMetrics(quiet);

    one.callStarted(getKey);

    expect(await linesOf(other)).toContain("keyprotect_gateway_inflight 0");
  });

  test("include those of the process", async () => {
    expect(await createMetrics().text()).toContain("process_cpu_seconds_total");
  });

  test("are exactly those that are defined, each with its help", async () => {
    const lines = await linesOf(createMetrics(quiet));
    const definitions = Object.values(metricDefinitions);

    const names = lines
      .filter((line) => line.startsWith("# TYPE"))
      .map((line) => line.split(" ")[2]);

    expect(new Set(names)).toEqual(new Set(definitions.map(({ name }) => name)));
    expect(names).toHaveLength(definitions.length);
    for (const { name, help } of definitions) expect(lines).toContain(`# HELP ${name} ${help}`);
  });

  test("fit what measures calls, the library's endings, requests, attempts, connections and oddities", () => {
    const metrics = createMetrics(quiet);
    const calls: CallMeter = metrics;
    const requests: UpstreamMeter & RateLimitMeter & ConnectionMeter = metrics;
    const ended: EndedByLibrary = metrics.callEndedByLibrary;
    const anomaly: OnAnomaly = metrics.upstreamAnomaly;

    expect([calls, requests]).toEqual([metrics, metrics]);
    expect([typeof ended, typeof anomaly]).toEqual(["function", "function"]);
  });
});

describe("grpc codes", () => {
  test("are named as in go-grpc, every one", () => {
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
