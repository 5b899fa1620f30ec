import { rpcTable } from "../rpc-table.ts";
import type { Anomaly } from "../keyprotect/anomaly.ts";
import type { UpstreamOutcome } from "../upstream/observe.ts";
import type { Repetition } from "../upstream/retry-rule.ts";
import { metricDefinitions as definitions, secondsBounds } from "./metric-definitions.ts";
import { createCellFamily, createHistogramFamily } from "./metric-family.ts";
import type { Cell, Exposition, Series } from "./metric-family.ts";

/** How an attempt to get a token ended: IAM gave one, could not be asked, or refused the gateway's credential. */
export type IamRefreshResult = "ok" | "unavailable" | "rejected";

/** Why an attempt is repeated, and after what wait. */
export type RepeatKind = Exclude<Repetition, "none">;

/** Counts what goes out and what comes back. */
export interface UpstreamMetrics {
  readonly upstreamStarted: () => void;
  /** `operation` is the name of an RPC or one of the further operations; any other is counted as `other`. */
  readonly upstreamEnded: (operation: string, outcome: UpstreamOutcome, seconds: number) => void;
  /** An attempt beyond the first is about to be made. */
  readonly upstreamRepeated: (kind: RepeatKind) => void;
  readonly unknownUpstreamReason: () => void;
  readonly upstreamAnomaly: (kind: Anomaly) => void;
  readonly iamRefreshed: (result: IamRefreshResult) => void;
}

interface OperationSeries {
  readonly seconds: Series;
  /** By outcome. */
  readonly requests: Map<UpstreamOutcome, Cell>;
}

/** Registered at zero; the other outcomes appear when they happen first. */
const usualOutcomes: readonly UpstreamOutcome[] = ["2xx", "4xx", "429", "5xx", "ATTEMPT_TIMEOUT"];
const anomalyKinds: readonly Anomaly[] = [
  "malformed_date",
  "unknown_key_state",
  "unknown_policy_kind",
  "unreadable_rejection",
  "malformed_retry_after",
];
const repeatKinds: readonly RepeatKind[] = ["atOnce", "backoff", "requeue"];
const iamResults: readonly IamRefreshResult[] = ["ok", "unavailable", "rejected"];

/** Makes the metrics of the outbound side. `operations` are those that are not RPCs, such as fetching a token. */
export function createUpstreamMetrics(
  operations: readonly string[],
): UpstreamMetrics & { readonly families: readonly Exposition[] } {
  const requests = createCellFamily(definitions.upstreamRequests);
  const seconds = createHistogramFamily(definitions.upstreamSeconds, secondsBounds);
  const inflightFamily = createCellFamily(definitions.upstreamInflight);
  const unknownReasonFamily = createCellFamily(definitions.unknownUpstreamReason);
  const repeats = createCellFamily(definitions.repeats);
  const anomalies = createCellFamily(definitions.upstreamAnomalies);
  const iamRefresh = createCellFamily(definitions.iamRefresh);

  const seriesOf = (operation: string): OperationSeries => ({
    seconds: seconds.series(operation),
    requests: new Map(usualOutcomes.map((outcome) => [outcome, requests.cell(operation, outcome)])),
  });
  const names = new Set([...rpcTable.map(({ method }) => method), ...operations]);
  const byOperation = new Map([...names].map((name) => [name, seriesOf(name)]));
  const inflight = inflightFamily.cell();
  const unknownReasons = unknownReasonFamily.cell();
  for (const kind of repeatKinds) repeats.cell(kind);
  for (const kind of anomalyKinds) anomalies.cell(kind);
  for (const result of iamResults) iamRefresh.cell(result);

  return {
    families: [
      requests,
      seconds,
      inflightFamily,
      repeats,
      unknownReasonFamily,
      anomalies,
      iamRefresh,
    ],
    upstreamStarted() {
      inflight.value += 1;
    },
    upstreamEnded(operation, outcome, duration) {
      inflight.value -= 1;
      const name = names.has(operation) ? operation : "other";
      const series = byOperation.get(name) ?? seriesOf(name);
      series.seconds.observe(duration);
      const cell = series.requests.get(outcome) ?? requests.cell(name, outcome);
      cell.value += 1;
    },
    upstreamRepeated(kind) {
      repeats.cell(kind).value += 1;
    },
    unknownUpstreamReason() {
      unknownReasons.value += 1;
    },
    upstreamAnomaly(kind) {
      anomalies.cell(kind).value += 1;
    },
    iamRefreshed(result) {
      iamRefresh.cell(result).value += 1;
    },
  };
}
