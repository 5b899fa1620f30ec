import { connectionDefinitions } from "./connection-definitions.ts";
import type { MetricDefinition } from "./families.ts";
import { redisDefinitions } from "./redis-definitions.ts";
import { reloadDefinitions } from "./reload-metrics.ts";

/**
 * Upper bounds in seconds: those of go-grpc, so that its dashboards work, and 30 for the longest
 * default deadline.
 */
export const secondsBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** Bounds for waits in the queue, most of which are 0. */
export const waitBounds = [0.001, ...secondsBounds] as const;

const rpc = ["grpc_type", "grpc_service", "grpc_method"] as const;

/**
 * Every metric that the gateway defines itself; those of the process come from prom-client on top.
 */
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
    help: "Calls ended, by status. Method `unknown`: grpc-js ended it before it knew the method.",
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
    help: "Calls rejected without a request to Key Protect, by the reason in their ErrorInfo.",
    labels: ["reason"],
  },
  ambiguous: {
    name: "keyprotect_gateway_ambiguous_total",
    type: "counter",
    help: "Calls that failed although the change they asked for may have happened.",
    labels: ["method"],
  },
  items: {
    name: "keyprotect_gateway_items_total",
    type: "counter",
    help: "Items of batches and streams that have ended, by the status of each.",
    labels: ["method", "grpc_code"],
  },
  endedByLibrary: {
    name: "keyprotect_gateway_ended_by_library_total",
    type: "counter",
    help: "Calls that grpc-js ended before a handler: undecodable, too large, late, cancelled.",
    labels: ["grpc_code"],
  },
  ...connectionDefinitions,
  upstreamRequests: {
    name: "keyprotect_gateway_upstream_requests_total",
    type: "counter",
    help: "Requests to Key Protect by outcome: HTTP status class, 429 or error code.",
    labels: ["operation", "outcome"],
  },
  upstreamAttempts: {
    name: "keyprotect_gateway_upstream_attempts_total",
    type: "counter",
    help: "HTTP exchanges with Key Protect by outcome. Each uses one unit of quota.",
    labels: ["operation", "outcome"],
  },
  upstreamSent: {
    name: "keyprotect_gateway_upstream_sent_total",
    type: "counter",
    help: "HTTP exchanges with Key Protect by instance. Each uses one unit of its quota.",
    labels: ["instance"],
  },
  upstreamThrottled: {
    name: "keyprotect_gateway_upstream_throttled_total",
    type: "counter",
    help: "HTTP exchanges answered with 429, whether or not the call succeeded in the end.",
    labels: ["instance"],
  },
  upstreamSeconds: {
    name: "keyprotect_gateway_upstream_seconds",
    type: "histogram",
    help: "Time of requests to Key Protect in seconds, including queueing and retries.",
    labels: ["operation"],
  },
  upstreamShared: {
    name: "keyprotect_gateway_upstream_shared_total",
    type: "counter",
    help: "Requests to Key Protect that joined an identical one and were not sent themselves.",
    labels: ["operation"],
  },
  upstreamInflight: {
    name: "keyprotect_gateway_upstream_inflight",
    type: "gauge",
    help: "Requests to Key Protect that have begun and not ended.",
    labels: [],
  },
  repeats: {
    name: "keyprotect_gateway_repeats_total",
    type: "counter",
    help: "Attempts beyond the first: at once (stale connection), after a backoff, or after a 429.",
    labels: ["kind"],
  },
  retryBudget: {
    name: "keyprotect_gateway_retry_budget",
    type: "gauge",
    help: "Retries that could be made now. Instances on one host share one budget.",
    labels: ["instance"],
  },
  circuitsOpen: {
    name: "keyprotect_gateway_circuits_open",
    type: "gauge",
    help: "Circuits that are not closed. Each host has two, `data` and `management`.",
    labels: [],
  },
  circuitsOpened: {
    name: "keyprotect_gateway_circuits_opened_total",
    type: "counter",
    help: "Openings of circuits, including those after a failed probe.",
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
    help: "Connections not set up: refused, timed out, no such host, no trusted TLS.",
    labels: [],
  },
  queued: {
    name: "keyprotect_gateway_queued",
    type: "gauge",
    help: "Calls that wait for quota or for a connection, by priority class.",
    labels: ["instance", "class"],
  },
  queueWait: {
    name: "keyprotect_gateway_queue_wait_seconds",
    type: "histogram",
    help: "Seconds that attempts waited for quota and a connection; 0 if they did not wait.",
    labels: ["instance", "class"],
  },
  shed: {
    name: "keyprotect_gateway_shed_total",
    type: "counter",
    help: "Attempts shed. EVICTED: by a call of a higher class. FLUSHED: a circuit opened.",
    labels: ["instance", "reason", "class"],
  },
  rate: {
    name: "keyprotect_gateway_rate_per_second",
    type: "gauge",
    help: "Requests per second that are let through. Absent while the rate is not limited.",
    labels: ["instance"],
  },
  safeRate: {
    name: "keyprotect_gateway_safe_rate_per_second",
    type: "gauge",
    help: "Highest rate that Key Protect accepted, per second. Absent while it is not limited.",
    labels: ["instance"],
  },
  quotaPhase: {
    name: "keyprotect_gateway_quota_phase",
    type: "gauge",
    help: "1 for the present phase of the adaptive rate, 0 for the others.",
    labels: ["instance", "phase"],
  },
  pause: {
    name: "keyprotect_gateway_pause_seconds",
    type: "gauge",
    help: "Seconds for which nothing will be sent, as Key Protect asked; 0 without a pause.",
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
    help: "Unexpected details in Key Protect's responses that the gateway tolerated.",
    labels: ["kind"],
  },
  iamRefresh: {
    name: "keyprotect_gateway_iam_refresh_total",
    type: "counter",
    help: "Attempts to get an access token from IAM, by kind of credential (`KP_AUTH_TYPE`) and outcome.",
    labels: ["auth_type", "result"],
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
    help: "Seconds until a server certificate expires; negative after that. Absent without TLS.",
    labels: [],
  },
  ...reloadDefinitions,
  logLinesDropped: {
    name: "keyprotect_gateway_log_lines_dropped_total",
    type: "counter",
    help: "Log lines that standard output did not take: it was full, closed or not read.",
    labels: [],
  },
  traceSpans: {
    name: "keyprotect_gateway_trace_spans_total",
    type: "counter",
    help: "Ended spans: sent, failed (not accepted by the collector), dropped (the queue was full).",
    labels: ["result"],
  },
  ...redisDefinitions,
} as const satisfies Readonly<Record<string, MetricDefinition>>;
