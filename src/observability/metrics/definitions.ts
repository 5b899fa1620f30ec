import type { MetricDefinition } from "./families.ts";

/** Upper bounds in seconds: those of go-grpc, so that its dashboards work, and 30 for the longest default deadline. */
export const secondsBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** For waits in the queue: most are no waits at all. */
export const waitBounds = [0.001, ...secondsBounds] as const;

const rpc = ["grpc_type", "grpc_service", "grpc_method"] as const;

/** Every metric that the gateway defines itself; those of the process come from prom-client on top. */
export const metricDefinitions = {
  started: {
    name: "grpc_server_started_total",
    type: "counter",
    help: "Calls begun.",
    labels: rpc,
  },
  handled: {
    name: "grpc_server_handled_total",
    type: "counter",
    help: "Calls ended, by the status that they got. `unknown` method: grpc-js ended it before the method was known.",
    labels: [...rpc, "grpc_code"],
  },
  received: {
    name: "grpc_server_msg_received_total",
    type: "counter",
    help: "Request messages that reached a handler.",
    labels: rpc,
  },
  sent: {
    name: "grpc_server_msg_sent_total",
    type: "counter",
    help: "Response messages sent.",
    labels: rpc,
  },
  handling: {
    name: "grpc_server_handling_seconds",
    type: "histogram",
    help: "Time from the request message to the status, in seconds.",
    labels: rpc,
  },
  inflight: {
    name: "keyprotect_gateway_inflight",
    type: "gauge",
    help: "Calls that have begun and not ended.",
    labels: [],
  },
  rejected: {
    name: "keyprotect_gateway_rejected_total",
    type: "counter",
    help: "Calls that the gateway refused without asking Key Protect, by the reason in their ErrorInfo.",
    labels: ["reason"],
  },
  ambiguous: {
    name: "keyprotect_gateway_ambiguous_total",
    type: "counter",
    help: "Calls that failed although the change they asked for may have happened.",
    labels: ["method"],
  },
  endedByLibrary: {
    name: "keyprotect_gateway_ended_by_library_total",
    type: "counter",
    help: "Calls that grpc-js ended before they reached a handler: undecodable, too large, deadline passed, caller gone.",
    labels: ["grpc_code"],
  },
  upstreamRequests: {
    name: "keyprotect_gateway_upstream_requests_total",
    type: "counter",
    help: "Requests to the upstream, by how they ended, repeats included in one: class of HTTP status, 429 by itself, or code of the failure.",
    labels: ["operation", "outcome"],
  },
  upstreamAttempts: {
    name: "keyprotect_gateway_upstream_attempts_total",
    type: "counter",
    help: "HTTP exchanges with Key Protect, every repeat by itself, by how they ended. What the quota is spent on.",
    labels: ["operation", "outcome"],
  },
  upstreamThrottled: {
    name: "keyprotect_gateway_upstream_throttled_total",
    type: "counter",
    help: "HTTP exchanges that Key Protect answered with 429, whether or not their call succeeded in the end.",
    labels: [],
  },
  upstreamSeconds: {
    name: "keyprotect_gateway_upstream_seconds",
    type: "histogram",
    help: "Time of requests to the upstream in seconds, queueing and repeats included.",
    labels: ["operation"],
  },
  upstreamShared: {
    name: "keyprotect_gateway_upstream_shared_total",
    type: "counter",
    help: "Requests to the upstream that joined an identical one under way, and were not sent.",
    labels: ["operation"],
  },
  upstreamInflight: {
    name: "keyprotect_gateway_upstream_inflight",
    type: "gauge",
    help: "Requests to the upstream that have begun and not ended.",
    labels: [],
  },
  repeats: {
    name: "keyprotect_gateway_repeats_total",
    type: "counter",
    help: "Attempts beyond the first: at once (a stale connection), after a backoff, or after a 429.",
    labels: ["kind"],
  },
  retryBudget: {
    name: "keyprotect_gateway_retry_budget",
    type: "gauge",
    help: "Repeats that could be made at this moment, of the instance's host: instances on one host share them.",
    labels: ["instance"],
  },
  circuitsOpen: {
    name: "keyprotect_gateway_circuits_open",
    type: "gauge",
    help: "Circuits that are not closed. Every host has two: one for what services need to work at all, one for the rest.",
    labels: [],
  },
  circuitsOpened: {
    name: "keyprotect_gateway_circuits_opened_total",
    type: "counter",
    help: "Openings of circuits, those after a failed probe included.",
    labels: ["circuit"],
  },
  connectionsOpened: {
    name: "keyprotect_gateway_connections_opened_total",
    type: "counter",
    help: "Connections to Key Protect that were set up, TLS included.",
    labels: [],
  },
  connectionsFailed: {
    name: "keyprotect_gateway_connections_failed_total",
    type: "counter",
    help: "Connections to Key Protect that could not be set up: refused, timed out, no such host, no trusted TLS.",
    labels: [],
  },
  queued: {
    name: "keyprotect_gateway_queued",
    type: "gauge",
    help: "Calls that wait for quota or for a connection, by priority class, of all instances.",
    labels: ["class"],
  },
  queueWait: {
    name: "keyprotect_gateway_queue_wait_seconds",
    type: "histogram",
    help: "Time that attempts waited for quota and a connection before they got them, in seconds; 0 for those that did not wait.",
    labels: ["class"],
  },
  shed: {
    name: "keyprotect_gateway_shed_total",
    type: "counter",
    help: "Attempts that left the queue, or were not let in, without quota. EVICTED: by a call of a higher class. FLUSHED: by a circuit that opened.",
    labels: ["reason", "class"],
  },
  rate: {
    name: "keyprotect_gateway_rate_per_second",
    type: "gauge",
    help: "Requests per second that are let through at present. Absent as long as nothing is paced.",
    labels: ["instance"],
  },
  safeRate: {
    name: "keyprotect_gateway_safe_rate_per_second",
    type: "gauge",
    help: "The highest rate that Key Protect has stood, in requests per second. Absent as long as nothing is paced.",
    labels: ["instance"],
  },
  quotaPhase: {
    name: "keyprotect_gateway_quota_phase",
    type: "gauge",
    help: "1 for what the instance is doing about its quota, 0 for all else.",
    labels: ["instance", "phase"],
  },
  pause: {
    name: "keyprotect_gateway_pause_seconds",
    type: "gauge",
    help: "Time for which nothing will be sent yet, because Key Protect asked for silence, in seconds; 0 if there is no pause.",
    labels: ["instance"],
  },
  unknownUpstreamReason: {
    name: "keyprotect_gateway_unknown_upstream_reason_total",
    type: "counter",
    help: "Rejections by Key Protect with a reason code that the gateway does not know.",
    labels: [],
  },
  upstreamAnomalies: {
    name: "keyprotect_gateway_upstream_anomalies_total",
    type: "counter",
    help: "Oddities in answers of the upstream that were survived.",
    labels: ["kind"],
  },
  iamRefresh: {
    name: "keyprotect_gateway_iam_refresh_total",
    type: "counter",
    help: "Attempts to get an access token from IAM, by how they ended.",
    labels: ["result"],
  },
  iamTokenAge: {
    name: "keyprotect_gateway_iam_token_age_seconds",
    type: "gauge",
    help: "Age of the oldest access token in use, in seconds. Absent while there is none.",
    labels: [],
  },
  certificateExpiry: {
    name: "keyprotect_gateway_certificate_expiry_seconds",
    type: "gauge",
    help: "Time until the first of the server's certificates expires, in seconds; negative once it has. Absent without TLS.",
    labels: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
