import type { MetricDefinition } from "./metric-family.ts";

/** Upper bounds in seconds: those of go-grpc, so that its dashboards work, and 30 for the longest default deadline. */
export const secondsBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

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
    help: "Requests to the upstream, by how they ended: class of HTTP status, 429 by itself, or code of the failure.",
    labels: ["operation", "outcome"],
  },
  upstreamSeconds: {
    name: "keyprotect_gateway_upstream_seconds",
    type: "histogram",
    help: "Time of requests to the upstream in seconds, queueing and repeats included.",
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
  circuitsOpen: {
    name: "keyprotect_gateway_circuits_open",
    type: "gauge",
    help: "Circuits that are not closed. Every host has two: one for what services need to work at all, one for the rest.",
    labels: [],
  },
  queued: {
    name: "keyprotect_gateway_queued",
    type: "gauge",
    help: "Calls that wait for quota, of all instances with a rate ceiling.",
    labels: [],
  },
  rate: {
    name: "keyprotect_gateway_rate_per_second",
    type: "gauge",
    help: "Requests per second that are let through at present, of all instances with a rate ceiling. Absent without one.",
    labels: [],
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
