/** The report of a run: the table, the goals and the comparison of versions of Node. */
import type { ArrangementName } from "./arrangements.ts";
import type { Measurement } from "./measure.ts";
import { median } from "./statistics.ts";

type Quantity = "cpuMicrosPerCall" | "callsPerSecond" | "medianMs" | "p99Ms" | "coreShare";

/** Medians over all rounds. */
export interface Findings {
  readonly value: (name: ArrangementName, inFlight: number, quantity: Quantity) => number;
  /** The median of the ratios within each round. `undefined` if one of both was not measured. */
  readonly ratio: (
    name: ArrangementName,
    to: ArrangementName,
    inFlight: number,
    quantity: Quantity,
  ) => number | undefined;
  readonly failures: (name: ArrangementName, inFlight: number) => number;
  readonly measurements: (name: ArrangementName, inFlight: number) => readonly Measurement[];
}

/** The findings of one version of Node. */
export interface VersionFindings {
  readonly node: string;
  readonly findings: Findings;
}

/** The median of the ratios within each round. `undefined` if no round has both. */
function medianRatio(
  measurements: readonly Measurement[],
  to: readonly Measurement[],
  quantity: Quantity,
): number | undefined {
  const ratios = measurements.flatMap((each) => {
    const other = to.find(({ round }) => round === each.round);
    return other === undefined ? [] : [each[quantity] / other[quantity]];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

/** Creates the medians of the measurements of a run. */
export function createFindings(measurements: readonly Measurement[]): Findings {
  const of = (name: ArrangementName, inFlight: number): readonly Measurement[] =>
    measurements.filter((each) => each.name === name && each.inFlight === inFlight);
  return {
    value: (name, inFlight, quantity) => median(of(name, inFlight).map((each) => each[quantity])),
    ratio: (name, to, inFlight, quantity) =>
      medianRatio(of(name, inFlight), of(to, inFlight), quantity),
    failures: (name, inFlight) => of(name, inFlight).reduce((sum, each) => sum + each.failures, 0),
    measurements: of,
  };
}

/**
 * Creates the findings of each version of Node. All of them contain Envoy, which does not run on
 * Node.
 */
export const groupByVersion = (
  measurements: readonly Measurement[],
  versions: readonly string[],
): readonly VersionFindings[] =>
  versions.map((node) => {
    const ofVersion = measurements.filter((each) => each.node === undefined || each.node === node);
    return { node, findings: createFindings(ofVersion) };
  });

const shown = (ratio: number | undefined): string => ratio?.toFixed(2) ?? "";
const milliseconds = (value: number): string => value.toFixed(value < 10 ? 2 : 0);

/**
 * Returns a Markdown table with a row per number of calls in flight, version of Node and
 * arrangement. The version has a column if there are several. Ratios are within a version, where
 * Envoy has the same measurements in each.
 */
export function tableOf(
  versions: readonly VersionFindings[],
  names: readonly ArrangementName[],
  inFlight: readonly number[],
): string {
  const versionColumn = (text: string): string[] => (versions.length > 1 ? [text] : []);
  const head = [
    "in flight",
    ...versionColumn("Node"),
    "arrangement",
    "CPU µs per call",
    "to floor",
    "calls/s",
    "to floor",
    "core used",
    "p50 ms",
    "p99 ms",
    "failed",
  ];
  const rowOf = (
    { node, findings }: VersionFindings,
    name: ArrangementName,
    count: number,
  ): string[] => {
    const value = (quantity: Quantity): number => findings.value(name, count, quantity);
    const toFloor = (quantity: Quantity): string =>
      shown(findings.ratio(name, "floor", count, quantity));
    return [
      String(count),
      ...versionColumn(node),
      name,
      value("cpuMicrosPerCall").toFixed(0),
      toFloor("cpuMicrosPerCall"),
      value("callsPerSecond").toFixed(0),
      toFloor("callsPerSecond"),
      `${(value("coreShare") * 100).toFixed(0)} %`,
      milliseconds(value("medianMs")),
      milliseconds(value("p99Ms")),
      String(findings.failures(name, count)),
    ];
  };
  const rows = inFlight.flatMap((count) =>
    versions.flatMap((version) => names.map((name) => rowOf(version, name, count))),
  );
  return aligned([head, ...rows]);
}

/** Aligns the columns. All except the name of the arrangement are numbers, aligned right. */
function aligned([head = [], ...rows]: readonly (readonly string[])[]): string {
  const nameColumn = head.indexOf("arrangement");
  const widths = head.map((_, n) => Math.max(...[head, ...rows].map((row) => row[n]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${widths
      .map((width, n) => (n === nameColumn ? row[n]?.padEnd(width) : row[n]?.padStart(width)))
      .join(" | ")} |`;
  const rule = widths.map((width, n) =>
    n === nameColumn ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** Returns a line for each goal that the run measured. */
export function goalLines(findings: Findings): string[] {
  const { ratio, value } = findings;
  const overhead = ratio("gateway", "floor", 64, "cpuMicrosPerCall");
  const transcoder = ratio("gateway", "envoy", 64, "cpuMicrosPerCall");
  const transcoderCalls = ratio("gateway", "envoy", 64, "callsPerSecond");
  const vendor = ratio("gateway", "IBM SDK", 64, "callsPerSecond");
  const throughput = ratio("gateway", "gateway, limiter off", 64, "callsPerSecond");
  const traced = ratio("traced", "gateway", 64, "cpuMicrosPerCall");
  const addedMs = value("gateway", 1, "medianMs") - value("gateway, limiter off", 1, "medianMs");
  return [
    goal("gateway : floor, CPU per call at 64 in flight", overhead, "at most 1.10 on Node 24"),
    goal("gateway : envoy, CPU per call at 64 in flight", transcoder, "at most 1.10 on Node 24"),
    goal("gateway : envoy, calls/s at 64 in flight", transcoderCalls, "at least 0.91 on Node 24"),
    goal("gateway : IBM SDK, calls/s at 64 in flight", vendor, "at least 2"),
    goal("limiter on : off, calls/s at 64 in flight", throughput, "at least 0.90"),
    goal("traced : gateway, CPU per call at 64 in flight", traced, "at most 1.05"),
    goal("limiter on - off, median at 1 in flight, ms", addedMs, "less than 0.1"),
  ].flat();
}

/** Returns a line for each arrangement of `later` that the first version ran too. */
const versionLines = (first: VersionFindings, later: VersionFindings): string[] =>
  (["floor", "gateway"] as const).flatMap((name) => {
    const of = ({ findings }: VersionFindings) => findings.measurements(name, 64);
    const ratio = medianRatio(of(later), of(first), "cpuMicrosPerCall");
    if (ratio === undefined) return [];
    const versions = `Node ${later.node} : Node ${first.node}`;
    return [`${versions}, ${name}, CPU per call at 64 in flight: ${ratio.toFixed(2)}`];
  });

/** Returns the goals of each version, and the cost of each relative to that of the first. */
export function summaryOf(versions: readonly VersionFindings[]): string[] {
  const [first, ...others] = versions;
  if (first === undefined) return [];
  if (others.length === 0) return goalLines(first.findings);
  return [
    ...versions.flatMap(({ node, findings }) =>
      goalLines(findings).map((line) => `Node ${node}: ${line}`),
    ),
    ...others.flatMap((later) => versionLines(first, later)),
  ];
}

const goal = (what: string, found: number | undefined, wanted: string): string[] =>
  found === undefined || Number.isNaN(found)
    ? []
    : [`${what}: ${found.toFixed(found < 0.2 ? 3 : 2)} (goal: ${wanted})`];
