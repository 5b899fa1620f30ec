/** The dashboard that is opened first: all gateways and all instances. */
import type { Row } from "./panel.ts";

const gateways = 'job=~"$job"';

/** The rows of the overview. */
export const overview: readonly Row[] = [
  {
    title: "Is it us or Key Protect?",
    panels: [
      {
        title: "Calls by status",
        description:
          "All calls that ended. A rise of one status beside steady calls is a fault of callers or of Key Protect; a fall of all is a fault before the gateway.",
        isStacked: true,
        queries: [
          {
            expr: `sum by (grpc_code) (rate(grpc_server_handled_total{${gateways}}[$__rate_interval]))`,
            legend: "{{grpc_code}}",
          },
        ],
      },
      {
        title: "Requests to Key Protect by outcome",
        description:
          "The final outcome of each request, after retries. 4xx are mistakes of callers, 5xx and error codes are Key Protect or the way to it, 429 is the quota.",
        isStacked: true,
        queries: [
          {
            expr: `sum by (outcome) (rate(keyprotect_gateway_upstream_requests_total{${gateways}}[$__rate_interval]))`,
            legend: "{{outcome}}",
          },
        ],
      },
      {
        title: "Time of the slowest percent",
        description:
          "A call lasts as long as its request to Key Protect, and little more. If both rise together, Key Protect or the queue is slow. If only the calls rise, the gateway is short of processor time.",
        unit: "s",
        queries: [
          {
            expr: `histogram_quantile(0.99, sum by (le) (rate(grpc_server_handling_seconds_bucket{${gateways}}[$__rate_interval])))`,
            legend: "calls",
          },
          {
            expr: `histogram_quantile(0.99, sum by (le) (rate(keyprotect_gateway_upstream_seconds_bucket{${gateways}}[$__rate_interval])))`,
            legend: "requests to Key Protect",
          },
          {
            expr: `histogram_quantile(0.99, sum by (le) (rate(keyprotect_gateway_queue_wait_seconds_bucket{${gateways}}[$__rate_interval])))`,
            legend: "of these, waiting for quota",
          },
        ],
      },
    ],
  },
  {
    title: "Who uses the quota?",
    panels: [
      {
        title: "Sent to Key Protect, by instance",
        description:
          "Each exchange uses one unit of the quota. Open the dashboard of an instance to see its limit.",
        isStacked: true,
        queries: [
          {
            expr: `sum by (exported_instance) (rate(keyprotect_gateway_upstream_sent_total{${gateways}}[$__rate_interval]))`,
            legend: "{{exported_instance}}",
          },
        ],
      },
      {
        title: "Sent to Key Protect, by RPC",
        description: "The five RPCs that use most of the quota.",
        isStacked: true,
        queries: [
          {
            expr: `topk(5, sum by (operation) (rate(keyprotect_gateway_upstream_attempts_total{${gateways}}[$__rate_interval])))`,
            legend: "{{operation}}",
          },
        ],
      },
      {
        title: "Calls that wait",
        description:
          "Calls in the queue, by instance. More than a second's worth of the rate means that callers want more than the quota.",
        unit: "short",
        isStacked: true,
        queries: [
          {
            expr: `sum by (exported_instance) (keyprotect_gateway_queued{${gateways}})`,
            legend: "{{exported_instance}}",
          },
        ],
      },
    ],
  },
  {
    title: "What is refused, and why?",
    panels: [
      {
        title: "Refused without a request to Key Protect",
        description:
          "By the reason in the error. docs/errors.md says for each reason what the caller should do.",
        isStacked: true,
        queries: [
          {
            expr: `sum by (reason) (rate(keyprotect_gateway_rejected_total{${gateways}}[$__rate_interval])) > 0`,
            legend: "{{reason}}",
          },
        ],
      },
      {
        title: "Shed by the queue",
        description:
          "CALLER_LIMIT is one greedy caller. OVERLOADED and EVICTED mean that all callers together want more than the quota. DEADLINE_* are calls that would have been answered too late.",
        isStacked: true,
        queries: [
          {
            expr: `sum by (reason) (rate(keyprotect_gateway_shed_total{${gateways}}[$__rate_interval])) > 0`,
            legend: "{{reason}}",
          },
        ],
      },
      {
        title: "Failed, but perhaps done",
        description:
          "Changes whose answer was lost. Each of these callers has to look whether its change happened.",
        unit: "short",
        redFrom: 1,
        queries: [
          {
            expr: `sum by (method) (increase(keyprotect_gateway_ambiguous_total{${gateways}}[1h])) > 0`,
            legend: "{{method}}",
          },
        ],
      },
    ],
  },
  {
    title: "Is the token alive, and the rest that it needs?",
    panels: [
      {
        title: "Age of the access token",
        description:
          "IAM's tokens live for an hour and are renewed after 45 minutes. An age above 55 minutes means that IAM refuses or cannot be reached.",
        unit: "s",
        redFrom: 3300,
        queries: [
          {
            expr: `max by (instance) (keyprotect_gateway_iam_token_age_seconds{${gateways}})`,
            legend: "{{instance}}",
          },
        ],
      },
      {
        title: "Exchanges with IAM",
        description:
          "`rejected` is a credential that IAM does not accept, `unavailable` an IAM that does not answer. Both are harmless while the token is young.",
        unit: "short",
        queries: [
          {
            expr: `sum by (result) (increase(keyprotect_gateway_iam_refresh_total{${gateways}}[15m]))`,
            legend: "{{result}}",
          },
        ],
      },
      {
        title: "Open circuits and failed connections",
        description:
          "An open circuit rejects calls at once, because Key Protect has been failing. Failed connections are a fault of the network, of DNS or of certificates.",
        unit: "short",
        queries: [
          {
            expr: `sum by (instance) (keyprotect_gateway_circuits_open{${gateways}})`,
            legend: "circuits of {{instance}}",
          },
          {
            expr: `sum by (instance) (increase(keyprotect_gateway_connections_failed_total{${gateways}}[5m]))`,
            legend: "failed connections of {{instance}}",
          },
        ],
      },
      {
        title: "Days until a certificate expires",
        description:
          "The certificates of the gateway's own listeners. They are read again from their files.",
        unit: "short",
        queries: [
          {
            expr: `min by (instance) (keyprotect_gateway_certificate_expiry_seconds{${gateways}}) / 86400`,
            legend: "{{instance}}",
          },
        ],
      },
    ],
  },
  {
    title: "The gateways",
    panels: [
      {
        title: "Processor time per gateway",
        description:
          "Seconds of processor time per second. Near 1 a gateway is busy: start another.",
        unit: "percentunit",
        redFrom: 1,
        queries: [
          {
            expr: `rate(process_cpu_seconds_total{${gateways}}[$__rate_interval])`,
            legend: "{{instance}}",
          },
        ],
      },
      {
        title: "Calls in flight and callers' connections",
        description:
          "If one gateway has all connections, callers do not balance: see docs/operations.md, Balancing.",
        unit: "short",
        queries: [
          { expr: `keyprotect_gateway_inflight{${gateways}}`, legend: "calls of {{instance}}" },
          {
            expr: `keyprotect_gateway_client_connections{${gateways}}`,
            legend: "connections of {{instance}}",
          },
        ],
      },
      {
        title: "Redis",
        description:
          "1 while Redis answers. Without it each gateway uses an equal part of the quota and rejects request IDs. Empty if Redis is not used.",
        unit: "short",
        queries: [{ expr: `keyprotect_gateway_redis_up{${gateways}}`, legend: "{{instance}}" }],
      },
      {
        title: "Refused configurations, and credentials without a token",
        description:
          "Replicas whose files cannot be used, so that the old state is kept, and instances whose present credential has not given a token. The log says why.",
        unit: "short",
        queries: [
          {
            expr: `sum(keyprotect_gateway_config_last_reload_successful{${gateways}} == bool 0)`,
            legend: "refused configurations",
          },
          {
            expr: `sum(keyprotect_gateway_credential_used_timestamp_seconds{${gateways}} == bool 0)`,
            legend: "credentials without a token",
          },
        ],
      },
    ],
  },
];
