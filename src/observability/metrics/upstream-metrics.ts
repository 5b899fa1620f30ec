/** Counters and histograms of the outbound side. */
import { authTypes, type AuthType } from "../../iam/token.ts";
import type { Anomaly } from "../../keyprotect/anomaly.ts";
import { rpcTable, type PriorityClass } from "../../rpc-table.ts";
import type { OperationClass } from "../../upstream/circuit-breaker/breakers.ts";
import type { HostEvent, UpstreamEvent, UpstreamOutcome } from "../../upstream/meter.ts";
import type { ShedReason } from "../../upstream/rate-limit/queue/rejections.ts";
import type { RetryKind } from "../../upstream/retry/retry-policy.ts";
import { metricDefinitions as definitions, secondsBounds, waitBounds } from "./definitions.ts";
import { createCellFamily, createHistogramFamily } from "./families.ts";
import type { Cell, Exposition, Series } from "./families.ts";

/** How an attempt to get a token ended: success, IAM out of reach, or the credential rejected. */
export type IamRefreshResult = "ok" | "unavailable" | "rejected";

/** Counts the events of the outbound side. Its functions need no `this`. */
export interface UpstreamMetrics {
  /**
   * Returns a listener that counts the events of an instance's pipeline, by the instance's alias.
   * An `operation` that is no known one is counted as `other`.
   */
  readonly upstreamCounter: (instance: string) => (event: UpstreamEvent) => void;
  /** The exchanges with an instance so far, and how many of them were answered with 429. */
  readonly exchangesOf: (instance: string) => { readonly sent: number; readonly throttled: number };
  /** Counts an event of a host. Instances on one host share its circuits. */
  readonly countHost: (event: HostEvent) => void;
  readonly unknownUpstreamReason: () => void;
  readonly upstreamAnomaly: (kind: Anomaly) => void;
  readonly iamRefreshed: (authType: AuthType, result: IamRefreshResult) => void;
}

/** The series of one operation. */
interface OperationSeries {
  readonly seconds: Series;
  readonly requests: ReadonlyMap<UpstreamOutcome, Cell>;
  readonly attempts: ReadonlyMap<UpstreamOutcome, Cell>;
  readonly shared: Cell;
}

/** The series of one instance. */
interface InstanceSeries {
  readonly sent: Cell;
  readonly throttled: Cell;
  readonly waits: Readonly<Record<PriorityClass, Series>>;
  readonly shed: Readonly<Record<PriorityClass, ReadonlyMap<ShedReason, Cell>>>;
}

/** Registered at zero. Other outcomes appear when they first happen. */
const usualOutcomes: readonly UpstreamOutcome[] = ["2xx", "4xx", "429", "5xx", "ATTEMPT_TIMEOUT"];
const anomalyKinds: readonly Anomaly[] = [
  "malformed_date",
  "unknown_key_state",
  "unknown_policy_kind",
  "unreadable_rejection",
  "short_page",
  "malformed_retry_after",
];
/** The public values of the label `kind`. */
const retryLabels = {
  immediate: "atOnce",
  backoff: "backoff",
  requeue: "requeue",
} as const satisfies Record<Exclude<RetryKind, "none">, string>;
const circuits: readonly OperationClass[] = ["data", "management"];
const iamResults: readonly IamRefreshResult[] = ["ok", "unavailable", "rejected"];
const shedReasons: readonly ShedReason[] = [
  "CALLER_LIMIT",
  "OVERLOADED",
  "EVICTED",
  "DEADLINE_TOO_SHORT",
  "THROTTLED",
  "UNAVAILABLE",
  "DEADLINE_IN_QUEUE",
  "CANCELLED",
  "FLUSHED",
  "SHUTDOWN",
];

const byClass = <T>(make: (priority: PriorityClass) => T): Readonly<Record<PriorityClass, T>> => ({
  interactive: make("interactive"),
  management: make("management"),
  bulk: make("bulk"),
});

/**
 * Creates the metrics of the outbound side, with every known series at zero. `operations` are the
 * operations that are not RPCs.
 */
export function createUpstreamMetrics(
  operations: readonly string[],
): UpstreamMetrics & { readonly families: readonly Exposition[] } {
  const families: Exposition[] = [];
  const add = <T extends Exposition>(family: T): T => {
    families.push(family);
    return family;
  };
  const requests = add(createCellFamily(definitions.upstreamRequests));
  const attempts = add(createCellFamily(definitions.upstreamAttempts));
  const shared = add(createCellFamily(definitions.upstreamShared));
  const sent = add(createCellFamily(definitions.upstreamSent));
  const throttled = add(createCellFamily(definitions.upstreamThrottled));
  const seconds = add(createHistogramFamily(definitions.upstreamSeconds, secondsBounds));
  const inflight = add(createCellFamily(definitions.upstreamInflight)).cell();
  const retries = add(createCellFamily(definitions.repeats));
  const opened = add(createCellFamily(definitions.circuitsOpened));
  const connected = add(createCellFamily(definitions.connectionsOpened)).cell();
  const unconnected = add(createCellFamily(definitions.connectionsFailed)).cell();
  const unknownReasons = add(createCellFamily(definitions.unknownUpstreamReason)).cell();
  const anomalies = add(createCellFamily(definitions.upstreamAnomalies));
  const iamRefresh = add(createCellFamily(definitions.iamRefresh));
  const waits = add(createHistogramFamily(definitions.queueWait, waitBounds));
  const shed = add(createCellFamily(definitions.shed));

  const seriesOf = (operation: string): OperationSeries => ({
    seconds: seconds.series(operation),
    requests: new Map(usualOutcomes.map((outcome) => [outcome, requests.cell(operation, outcome)])),
    attempts: new Map(usualOutcomes.map((outcome) => [outcome, attempts.cell(operation, outcome)])),
    shared: shared.cell(operation),
  });
  const names = new Set([...rpcTable.map(({ method }) => method), ...operations]);
  const byOperation = new Map([...names].map((name) => [name, seriesOf(name)]));
  const nameOf = (operation: string): string => (names.has(operation) ? operation : "other");
  for (const label of Object.values(retryLabels)) retries.cell(label);
  for (const circuit of circuits) opened.cell(circuit);
  for (const kind of anomalyKinds) anomalies.cell(kind);
  for (const type of authTypes) for (const result of iamResults) iamRefresh.cell(type, result);

  const instanceSeries = (instance: string): InstanceSeries => ({
    sent: sent.cell(instance),
    throttled: throttled.cell(instance),
    waits: byClass((priority) => waits.series(instance, priority)),
    shed: byClass(
      (priority) =>
        new Map(shedReasons.map((reason) => [reason, shed.cell(instance, reason, priority)])),
    ),
  });
  const counterOf =
    (own: InstanceSeries) =>
    (event: UpstreamEvent): void => {
      switch (event.kind) {
        case "requestStarted":
          inflight.value += 1;
          break;
        case "requestEnded": {
          inflight.value -= 1;
          const name = nameOf(event.operation);
          const series = byOperation.get(name) ?? seriesOf(name);
          series.seconds.observe(event.seconds);
          const cell = series.requests.get(event.outcome) ?? requests.cell(name, event.outcome);
          cell.value += 1;
          break;
        }
        case "requestShared": {
          const known = byOperation.get(event.operation)?.shared;
          const cell = known ?? shared.cell(nameOf(event.operation));
          cell.value += 1;
          break;
        }
        case "retried":
          retries.cell(retryLabels[event.retry]).value += 1;
          break;
        case "attemptGranted":
          own.waits[event.priority].observe(event.waitMs / 1_000);
          break;
        case "attemptShed": {
          const cell = own.shed[event.priority].get(event.reason);
          if (cell !== undefined) cell.value += 1;
          break;
        }
        case "attemptEnded": {
          const known = byOperation.get(event.operation)?.attempts.get(event.outcome);
          const cell = known ?? attempts.cell(nameOf(event.operation), event.outcome);
          cell.value += 1;
          own.sent.value += 1;
          if (event.outcome === "429") own.throttled.value += 1;
          break;
        }
        case "connectionOpened":
          connected.value += 1;
          break;
        case "connectionFailed":
          unconnected.value += 1;
          break;
      }
    };
  return {
    families,
    upstreamCounter: (instance) => counterOf(instanceSeries(instance)),
    exchangesOf: (instance) => ({
      sent: sent.cell(instance).value,
      throttled: throttled.cell(instance).value,
    }),
    countHost({ circuit }) {
      opened.cell(circuit).value += 1;
    },
    unknownUpstreamReason() {
      unknownReasons.value += 1;
    },
    upstreamAnomaly(kind) {
      anomalies.cell(kind).value += 1;
    },
    iamRefreshed(authType, result) {
      iamRefresh.cell(authType, result).value += 1;
    },
  };
}
