/** All metrics of a gateway, and their exposition. */
import { collectDefaultMetrics, Registry } from "prom-client";
import type { Rpc } from "../../rpc-table.ts";
import { droppedLogLines } from "../logging/standard-output.ts";
import { createCallMetrics } from "./call-metrics.ts";
import type { CallMetrics } from "./call-metrics.ts";
import { createConnectionMetrics } from "./connection-metrics.ts";
import type { ConnectionMetrics } from "./connection-metrics.ts";
import { metricDefinitions as definitions } from "./definitions.ts";
import { createCellFamily } from "./families.ts";
import type { Exposition, MetricDefinition } from "./families.ts";
import { toOpenMetrics } from "./open-metrics.ts";
import { createRedisMetrics } from "./redis-metrics.ts";
import type { RedisMetrics } from "./redis-metrics.ts";
import { createReloadMetrics } from "./reload-metrics.ts";
import type { ReloadMetrics } from "./reload-metrics.ts";
import { createUpstreamGauges } from "./upstream-gauges.ts";
import type { UpstreamGauges } from "./upstream-gauges.ts";
import { createUpstreamMetrics } from "./upstream-metrics.ts";
import type { UpstreamMetrics } from "./upstream-metrics.ts";

/** Reads a value at a scrape; `undefined` if there is none. Must not throw. */
export type Reading = () => number | undefined;

/** Fates of ended spans. */
const spanResults = ["sent", "failed", "dropped"] as const;

/** The fate of an ended span. */
export type SpanResult = (typeof spanResults)[number];

/**
 * The metrics of one gateway. Label values come from closed sets, never from texts of callers or of
 * the upstream.
 */
export interface Metrics
  extends CallMetrics, ConnectionMetrics, UpstreamMetrics, RedisMetrics, ReloadMetrics {
  /** Adds a token. Its age in seconds is read at each scrape; the oldest is exposed. */
  watchTokenAge(read: Reading): void;
  /** Adds an instance by its alias, and how it is read when its credential gave a token. */
  watchCredentialUse(instance: string, read: () => number): void;
  /** Adds a certificate. Its seconds to expiry are read at each scrape; the fewest are exposed. */
  watchCertificateExpiry(read: Reading): void;
  /** Seconds until the first certificate expires; `undefined` if there is none. */
  readonly certificateSeconds: Reading;
  /** Adds a reading of the number of callers' connections; the sum is exposed. */
  watchConnections(read: Reading): void;
  /** Adds a reading of the memory that incomplete requests take; the sum is exposed. */
  watchReceivingBytes(read: Reading): void;
  /** Adds a reading of the number of circuits that are not closed; the sum is exposed. */
  watchCircuits(read: Reading): void;
  /**
   * Adds an instance by its alias. Its rate, phase, pause, queue and budget are read at scrapes.
   */
  readonly watchUpstream: UpstreamGauges["watch"];
  /** Counts ended spans by what became of them. */
  countSpans(result: SpanResult, spans: number): void;
  /** Returns all metrics in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Returns the same in the format OpenMetrics, with the traces of recorded calls. */
  openMetrics(): Promise<string>;
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** Creates a gauge or counter over several readings, absent while none of them gives a value. */
function createReadGauge(
  definition: MetricDefinition,
  totalOf: (values: readonly number[]) => number,
): Exposition & { readonly watch: (read: Reading) => void; readonly read: Reading } {
  const readings: Reading[] = [];
  const readTotal: Reading = () => {
    const values = readings.map((read) => read()).filter((value) => value !== undefined);
    return values.length > 0 ? totalOf(values) : undefined;
  };
  return {
    watch: (read) => void readings.push(read),
    read: readTotal,
    text() {
      const total = readTotal();
      const gauge = createCellFamily(definition);
      if (total !== undefined) gauge.cell().value = total;
      return gauge.text();
    },
  };
}

/**
 * Creates the metrics of one gateway. `operations` names upstream requests that belong to no RPC.
 * `doorRpcs` (default: none) are the RPCs of the configured doors.
 * `hasProcessMetrics` (default `true`) adds those of Node and the process, whose observers stay for
 * the life of the process.
 */
export function createMetrics(
  options: {
    readonly operations?: readonly string[];
    readonly doorRpcs?: readonly Rpc[];
    readonly hasProcessMetrics?: boolean;
  } = {},
): Metrics {
  const { families: callFamilies, exemplars, ...calls } = createCallMetrics(options.doorRpcs ?? []);
  const { families: connectionFamilies, ...connections } = createConnectionMetrics();
  const { families: upstreamFamilies, ...upstream } = createUpstreamMetrics(
    options.operations ?? [],
  );
  const { families: redisFamilies, ...redis } = createRedisMetrics();
  const { families: reloadFamilies, ...reloads } = createReloadMetrics();
  const credentialUse = new Map<string, () => number>();
  const credentials: Exposition = {
    text() {
      const gauge = createCellFamily(definitions.credentialUsed);
      for (const [instance, read] of credentialUse) gauge.cell(instance).value = read();
      return gauge.text();
    },
  };
  const tokenAge = createReadGauge(definitions.iamTokenAge, (ages) => Math.max(...ages));
  const expiry = createReadGauge(definitions.certificateExpiry, (left) => Math.min(...left));
  const open = createReadGauge(definitions.clientConnections, sum);
  const receiving = createReadGauge(definitions.receivingBytes, sum);
  const circuits = createReadGauge(definitions.circuitsOpen, sum);
  const dropped = createReadGauge(definitions.logLinesDropped, sum);
  dropped.watch(droppedLogLines);
  const gauges = createUpstreamGauges();
  const spans = createCellFamily(definitions.traceSpans);
  for (const result of spanResults) spans.cell(result);
  const gatewayFamilies = [...callFamilies, ...connectionFamilies, ...upstreamFamilies];
  const others = [open, receiving, gauges, circuits, tokenAge, credentials, expiry, dropped, spans];
  const own = [...gatewayFamilies, ...others, ...redisFamilies, ...reloadFamilies];

  const registry = new Registry();
  if (options.hasProcessMetrics ?? true) collectDefaultMetrics({ register: registry });

  const text = async (): Promise<string> => {
    const ofProcess = await registry.metrics();
    return `${own.map((family) => family.text()).join("\n")}\n${ofProcess}`;
  };
  return {
    ...calls,
    ...connections,
    ...upstream,
    ...redis,
    ...reloads,
    watchCredentialUse: (instance, read) => void credentialUse.set(instance, read),
    watchTokenAge: tokenAge.watch,
    watchCertificateExpiry: expiry.watch,
    certificateSeconds: expiry.read,
    watchConnections: open.watch,
    watchReceivingBytes: receiving.watch,
    watchCircuits: circuits.watch,
    watchUpstream: gauges.watch,
    countSpans(result, count) {
      spans.cell(result).value += count;
    },
    text,
    contentType: registry.contentType,
    openMetrics: async () => toOpenMetrics(await text(), exemplars()),
  };
}
