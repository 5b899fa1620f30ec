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
} as const satisfies Readonly<Record<string, MetricDefinition>>;
