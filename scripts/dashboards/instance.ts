/** The dashboard of one Key Protect instance: the story of its quota. */
import type { Row } from "./panel.ts";

const own = 'job=~"$job",exported_instance="$kp"';

/** The rows of the dashboard of an instance. */
export const instance: readonly Row[] = [
  {
    title: "The quota",
    panels: [
      {
        title: "Sent, and what may be sent",
        description:
          "The sum of all gateways. While `sent` touches `let through`, callers want more than the quota. `accepted` is the highest rate that Key Protect took without a 429. A 429 lowers both lines at once.",
        queries: [
          {
            expr: `sum(rate(keyprotect_gateway_upstream_sent_total{${own}}[$__rate_interval]))`,
            legend: "sent",
          },
          { expr: `sum(keyprotect_gateway_rate_per_second{${own}})`, legend: "let through" },
          { expr: `sum(keyprotect_gateway_safe_rate_per_second{${own}})`, legend: "accepted" },
          {
            expr: `sum(rate(keyprotect_gateway_upstream_throttled_total{${own}}[$__rate_interval]))`,
            legend: "answered with 429",
          },
        ],
      },
      {
        title: "Phase of the rate",
        description:
          "unpaced: no limit is known. slow-start: the rate grows. hold: it is kept. probe: a higher one is tried. blackout: Key Protect refuses everything.",
        type: "states",
        unit: "short",
        queries: [
          {
            expr: `max by (phase) (keyprotect_gateway_quota_phase{${own}})`,
            legend: "{{phase}}",
          },
        ],
      },
    ],
  },
  {
    title: "The queue",
    panels: [
      {
        title: "Calls that wait, by class",
        description:
          "Interactive calls (wrap, unwrap, reads) are served before management and bulk, by weight. A long bulk queue is harmless.",
        unit: "short",
        isStacked: true,
        queries: [
          { expr: `sum by (class) (keyprotect_gateway_queued{${own}})`, legend: "{{class}}" },
        ],
      },
      {
        title: "Time of waiting",
        description:
          "Half of the attempts wait less than the lower line, 99 % less than the upper.",
        unit: "s",
        queries: [
          {
            expr: `histogram_quantile(0.5, sum by (le, class) (rate(keyprotect_gateway_queue_wait_seconds_bucket{${own}}[$__rate_interval])))`,
            legend: "median, {{class}}",
          },
          {
            expr: `histogram_quantile(0.99, sum by (le, class) (rate(keyprotect_gateway_queue_wait_seconds_bucket{${own}}[$__rate_interval])))`,
            legend: "99 %, {{class}}",
          },
        ],
      },
      {
        title: "Shed, by reason",
        description: "docs/metrics.md explains each reason.",
        isStacked: true,
        queries: [
          {
            expr: `sum by (reason) (rate(keyprotect_gateway_shed_total{${own}}[$__rate_interval])) > 0`,
            legend: "{{reason}}",
          },
        ],
      },
    ],
  },
  {
    title: "Trouble with Key Protect",
    panels: [
      {
        title: "Pauses that Key Protect asked for",
        description: "Seconds for which nothing is sent, from Retry-After of a 429 or a 503.",
        unit: "s",
        queries: [
          { expr: `max(keyprotect_gateway_pause_seconds{${own}})`, legend: "left of the pause" },
        ],
      },
      {
        title: "Retries that could be made now",
        description: "Below 5 so many attempts fail that retries are nearly used up.",
        unit: "short",
        queries: [
          {
            expr: `min by (instance) (keyprotect_gateway_retry_budget{${own}})`,
            legend: "{{instance}}",
          },
        ],
      },
      {
        title: "How the gateways share the quota",
        description:
          "Gateways by the source of their part. `lease` is right. `slice` and `static` are equal parts without Redis. Empty if the quota is not shared through Redis.",
        unit: "short",
        isStacked: true,
        queries: [
          {
            expr: `sum by (kind) (keyprotect_gateway_quota_share{${own}}) > 0`,
            legend: "{{kind}}",
          },
          {
            expr: `max(keyprotect_gateway_quota_share_unheard{${own}})`,
            legend: "not heard",
          },
          {
            expr: `sum(keyprotect_gateway_quota_share_disputed{${own}})`,
            legend: "with a higher ceiling than another",
          },
        ],
      },
    ],
  },
];
