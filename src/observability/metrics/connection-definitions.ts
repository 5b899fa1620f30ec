import type { MetricDefinition } from "./families.ts";

/** The metrics of the connections of callers. */
export const connectionDefinitions = {
  clientConnections: {
    name: "keyprotect_gateway_client_connections",
    type: "gauge",
    help: "Open connections of callers.",
    labels: [],
  },
  clientConnectionsBroken: {
    name: "keyprotect_gateway_client_connections_broken_total",
    type: "counter",
    help: "Connections closed because the caller broke the rules or limits of HTTP/2.",
    labels: [],
  },
  clientConnectionsRefused: {
    name: "keyprotect_gateway_client_connections_refused_total",
    type: "counter",
    help: "New connections refused at the bound of all connections or at that of their peer.",
    labels: ["limit"],
  },
  clientConnectionsEvicted: {
    name: "keyprotect_gateway_client_connections_evicted_total",
    type: "counter",
    help: "Connections closed to make room for a new one, of the same peer or of one with fewer.",
    labels: [],
  },
  receivingBytes: {
    name: "keyprotect_gateway_receiving_bytes",
    type: "gauge",
    help: "Memory that incomplete requests take, in bytes.",
    labels: [],
  },
  incompleteRequests: {
    name: "keyprotect_gateway_incomplete_requests_total",
    type: "counter",
    help: "Calls refused before their request was complete: for its bytes, or the time it took.",
    labels: ["cause"],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
