import type { MetricDefinition } from "./families.ts";

/** Metrics of Redis, and of what is shared or kept there. */
export const redisDefinitions = {
  redisUp: {
    name: "keyprotect_gateway_redis_up",
    type: "gauge",
    help: "1 while Redis is connected and executed the latest script. Absent if it is not used.",
    labels: [],
  },
  redisFailures: {
    name: "keyprotect_gateway_redis_failures_total",
    type: "counter",
    help: "Failed commands and connections to Redis. REFUSED: user, password or permission.",
    labels: ["code"],
  },
  quotaShare: {
    name: "keyprotect_gateway_quota_share",
    type: "gauge",
    help: "1 for the present source of this replica's part of a quota that is shared in Redis.",
    labels: ["instance", "kind"],
  },
  quotaShareUnheard: {
    name: "keyprotect_gateway_quota_share_unheard",
    type: "gauge",
    help: "Replicas that the group keeps room for although it does not hear them.",
    labels: ["instance"],
  },
  quotaShareDisputed: {
    name: "keyprotect_gateway_quota_share_disputed",
    type: "gauge",
    help: "1 while another replica has a lower ceiling than this one. The lowest applies to all.",
    labels: ["instance"],
  },
  requestIdLosses: {
    name: "keyprotect_gateway_request_id_losses_total",
    type: "counter",
    help: "Times that Redis was found to have lost records of request IDs: all, or one in use.",
    labels: ["what"],
  },
  requestIdRisk: {
    name: "keyprotect_gateway_request_id_risk",
    type: "gauge",
    help: "1 if Redis can lose records of request IDs that way. Absent if it does not tell.",
    labels: ["risk"],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;
