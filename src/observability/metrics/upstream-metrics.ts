import { rpcTable } from "../../rpc-table.ts";
import type { Anomaly } from "../../keyprotect/anomaly.ts";
import type { OperationClass } from "../../upstream/circuit-breaker/breakers.ts";
import type { UpstreamOutcome } from "../../upstream/observe.ts";
import type { RetryKind } from "../../upstream/retry/retry-policy.ts";
import { metricDefinitions as definitions, secondsBounds } from "./definitions.ts";
import { createCellFamily, createHistogramFamily } from "./families.ts";
import type { Cell, Exposition, Series } from "./families.ts";

/** How an attempt to get a token ended: IAM gave one, could not be asked, or refused the gateway's credential. */
export type IamRefreshResult = "ok" | "unavailable" | "rejected";

/** Why an attempt is repeated, and after what wait. */
export type RepeatKind = Exclude<RetryKind, "none">;

/** Counts what goes out and what comes back. */
export interface UpstreamMetrics {
  readonly upstreamStarted: () => void;
  /** `operation` is the name of an RPC or one of the further operations; any other is counted as `other`. */
  readonly upstreamEnded: (operation: string, outcome: UpstreamOutcome, seconds: number) => void;
  /** One HTTP exchange of a request ended; `operation` as above. */
  readonly upstreamAttempted: (operation: string, outcome: UpstreamOutcome) => void;
  /** A request shares the exchange of an identical one; `operation` as above. */
  readonly upstreamShared: (operation: string) => void;
  /** An attempt beyond the first is about to be made. */
  readonly upstreamRepeated: (kind: RepeatKind) => void;
  readonly circuitOpened: (circuit: OperationClass) => void;
  readonly connectionOpened: () => void;
  readonly connectionFailed: () => void;
  readonly unknownUpstreamReason: () => void;
  readonly upstreamAnomaly: (kind: Anomaly) => void;
  readonly iamRefreshed: (result: IamRefreshResult) => void;
}

interface OperationSeries {
  readonly seconds: Series;
  /** By outcome. */
  readonly requests: ReadonlyMap<UpstreamOutcome, Cell>;
  readonly attempts: ReadonlyMap<UpstreamOutcome, Cell>;
  readonly shared: Cell;
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
/** Values of the label `kind`, which dashboards know. */
const retryLabels = {
  immediate: "atOnce",
  backoff: "backoff",
  requeue: "requeue",
} as const satisfies Record<RepeatKind, string>;
const circuits: readonly OperationClass[] = ["data", "management"];
const iamResults: readonly IamRefreshResult[] = ["ok", "unavailable", "rejected"];

/** Makes the metrics of the outbound side. `operations` are those that are not RPCs, such as fetching a token. */
export function createUpstreamMetrics(
  operations: readonly string[],
): UpstreamMetrics & { readonly families: readonly Exposition[] } {
  const requests = createCellFamily(definitions.upstreamRequests);
  const seconds = createHistogramFamily(definitions.upstreamSeconds, secondsBounds);
  const attempts = createCellFamily(definitions.upstreamAttempts);
  const shared = createCellFamily(definitions.upstreamShared);
  const throttledFamily = createCellFamily(definitions.upstreamThrottled);
  const opened = createCellFamily(definitions.circuitsOpened);
  const connectedFamily = createCellFamily(definitions.connectionsOpened);
  const unconnectedFamily = createCellFamily(definitions.connectionsFailed);
  const inflightFamily = createCellFamily(definitions.upstreamInflight);
  const unknownReasonFamily = createCellFamily(definitions.unknownUpstreamReason);
  const repeats = createCellFamily(definitions.repeats);
  const anomalies = createCellFamily(definitions.upstreamAnomalies);
  const iamRefresh = createCellFamily(definitions.iamRefresh);

  const seriesOf = (operation: string): OperationSeries => ({
    seconds: seconds.series(operation),
    requests: new Map(usualOutcomes.map((outcome) => [outcome, requests.cell(operation, outcome)])),
    attempts: new Map(usualOutcomes.map((outcome) => [outcome, attempts.cell(operation, outcome)])),
    shared: shared.cell(operation),
  });
  const names = new Set([...rpcTable.map(({ method }) => method), ...operations]);
  const byOperation = new Map([...names].map((name) => [name, seriesOf(name)]));
  const nameOf = (operation: string): string => (names.has(operation) ? operation : "other");
  const inflight = inflightFamily.cell();
  const throttled = throttledFamily.cell();
  const connected = connectedFamily.cell();
  const unconnected = unconnectedFamily.cell();
  const unknownReasons = unknownReasonFamily.cell();
  for (const label of Object.values(retryLabels)) repeats.cell(label);
  for (const circuit of circuits) opened.cell(circuit);
  for (const kind of anomalyKinds) anomalies.cell(kind);
  for (const result of iamResults) iamRefresh.cell(result);

  return {
    families: [
      requests,
      attempts,
      shared,
      throttledFamily,
      seconds,
      inflightFamily,
      repeats,
      opened,
      connectedFamily,
      unconnectedFamily,
      unknownReasonFamily,
      anomalies,
      iamRefresh,
    ],
    upstreamStarted() {
      inflight.value += 1;
    },
    upstreamEnded(operation, outcome, duration) {
      inflight.value -= 1;
      const name = nameOf(operation);
      const series = byOperation.get(name) ?? seriesOf(name);
      series.seconds.observe(duration);
      const cell = series.requests.get(outcome) ?? requests.cell(name, outcome);
      cell.value += 1;
    },
    upstreamAttempted(operation, outcome) {
      const known = byOperation.get(operation)?.attempts.get(outcome);
      const cell = known ?? attempts.cell(nameOf(operation), outcome);
      cell.value += 1;
      if (outcome === "429") throttled.value += 1;
    },
    upstreamShared(operation) {
      const cell = byOperation.get(operation)?.shared ?? shared.cell(nameOf(operation));
      cell.value += 1;
    },
    upstreamRepeated(kind) {
      repeats.cell(retryLabels[kind]).value += 1;
    },
    circuitOpened(circuit) {
      opened.cell(circuit).value += 1;
    },
    connectionOpened() {
      connected.value += 1;
    },
    connectionFailed() {
      unconnected.value += 1;
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
