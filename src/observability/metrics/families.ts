/**
 * Prometheus metrics as plain numbers. A call changes a dozen of them. prom-client looks each of
 * them up by a text that it builds from the labels, even if the labels never change. Here the
 * look-up is done once, when the series is created.
 */

/** Name, type, meaning and labels of a metric. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Label names, in the order of the exposition. */
  readonly labels: readonly string[];
}

/** One number of a counter or gauge. */
export interface Cell {
  value: number;
}

/** A measured value whose call has a trace. */
export interface Exemplar {
  readonly value: number;
  readonly traceId: string;
  /** When it was measured, in seconds since the Unix epoch. */
  readonly at: number;
}

/** One series of a histogram. */
export interface Series {
  /** Counts a value. `traceId` makes it the exemplar of its bucket. */
  observe(value: number, traceId?: string): void;
  /** Number of values by bucket; the last one is for values beyond the last bound. */
  readonly counts: ArrayLike<number>;
}

/** Values of labels, in the order of the definition's names. Only texts of closed sets. */
export type LabelValues = readonly string[];

/** A metric that can be scraped. */
export interface Exposition {
  /** The metric in Prometheus' text format, version 0.0.4. */
  text(): string;
}

/** The counters or gauges of one name. */
export interface CellFamily extends Exposition {
  /** Returns the cell with these labels; creates it at 0 if there is none. */
  cell(...labels: LabelValues): Cell;
}

/** The histograms of one name. */
export interface HistogramFamily extends Exposition {
  /** Returns the series with these labels; creates it empty if there is none. */
  series(...labels: LabelValues): Series;
  /** The newest exemplar of each bucket that has one, by its name and labels as in the text. */
  readonly exemplars: () => ReadonlyMap<string, Exemplar>;
}

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

function labelText({ name, labels }: MetricDefinition, values: LabelValues): string {
  if (values.length !== labels.length) {
    throw new Error(`${name} has ${labels.length} labels, not ${values.length}`);
  }
  return labels.map((label, n) => `${label}="${escapeLabel(values[n] ?? "")}"`).join(",");
}

const inBraces = (labels: string): string => (labels === "" ? "" : `{${labels}}`);

const numberText = (value: number): string => {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
};

const headOf = ({ name, type, help }: MetricDefinition): string[] => [
  `# HELP ${name} ${escapeHelp(help)}`,
  `# TYPE ${name} ${type}`,
];

/** Creates a counter or gauge without series. */
export function createCellFamily(definition: MetricDefinition): CellFamily {
  const cells = new Map<string, Cell>();
  return {
    cell(...values) {
      const key = inBraces(labelText(definition, values));
      const known = cells.get(key);
      if (known !== undefined) return known;
      const cell = { value: 0 };
      cells.set(key, cell);
      return cell;
    },
    text() {
      const lines = [...cells].map(
        ([labels, { value }]) => `${definition.name}${labels} ${numberText(value)}`,
      );
      return [...headOf(definition), ...lines, ""].join("\n");
    },
  };
}

interface Histogram extends Series {
  lines(name: string, labels: string): string[];
  /** The exemplars of `lines`, by what stands before the value. */
  exemplars(name: string, labels: string): (readonly [string, Exemplar])[];
}

function createHistogram(bounds: readonly number[]): Histogram {
  // The last count is for values beyond the last bound.
  const counts = new Float64Array(bounds.length + 1);
  const exemplars = new Map<number, Exemplar>();
  let sum = 0;
  const bucketName = (name: string, labels: string, bucket: number): string => {
    const bound = bounds[bucket];
    const le = bound === undefined ? "+Inf" : numberText(bound);
    return `${name}_bucket{${labels === "" ? "" : `${labels},`}le="${le}"}`;
  };
  return {
    counts,
    observe(value, traceId) {
      let bucket = 0;
      while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      sum += value;
      if (traceId !== undefined) exemplars.set(bucket, { value, traceId, at: Date.now() / 1_000 });
    },
    lines(name, labels) {
      let total = 0;
      const buckets = [...counts].map((count, n) => {
        total += count;
        return `${bucketName(name, labels, n)} ${total}`;
      });
      const braced = inBraces(labels);
      return [
        ...buckets,
        `${name}_sum${braced} ${numberText(sum)}`,
        `${name}_count${braced} ${total}`,
      ];
    },
    exemplars: (name, labels) =>
      [...exemplars].map(([bucket, exemplar]) => [bucketName(name, labels, bucket), exemplar]),
  };
}

/** Creates a histogram without series. `bounds` are inclusive upper bounds, ascending. */
export function createHistogramFamily(
  definition: MetricDefinition,
  bounds: readonly number[],
): HistogramFamily {
  const histograms = new Map<string, Histogram>();
  return {
    series(...values) {
      const labels = labelText(definition, values);
      const known = histograms.get(labels);
      if (known !== undefined) return known;
      const histogram = createHistogram(bounds);
      histograms.set(labels, histogram);
      return histogram;
    },
    text() {
      const lines = [...histograms].flatMap(([labels, each]) =>
        each.lines(definition.name, labels),
      );
      return [...headOf(definition), ...lines, ""].join("\n");
    },
    exemplars: () =>
      new Map([...histograms].flatMap(([labels, each]) => each.exemplars(definition.name, labels))),
  };
}
