/**
 * Prometheus metrics as plain numbers. A call touches a dozen of them; prom-client looks each of them up by a text that
 * it builds from the labels, even where the labels are fixed. Here the lookup is done once, when the series is made.
 */

/** What a metric is called and means. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Label names, in the order in which they are written. */
  readonly labels: readonly string[];
}

/** One number of a counter or gauge. */
export interface Cell {
  value: number;
}

/** One series of a histogram. */
export interface Series {
  observe(value: number): void;
}

/** Values of labels in the order of the definition's names. Only texts of a closed set. */
export type LabelValues = readonly string[];

/** Something that can be scraped. */
export interface Exposition {
  /** In Prometheus' text format, version 0.0.4. */
  text(): string;
}

/** Counts or gauges of one name. */
export interface CellFamily extends Exposition {
  /** The cell with these labels, made at 0 if there is none. */
  cell(...labels: LabelValues): Cell;
}

/** Histograms of one name. */
export interface HistogramFamily extends Exposition {
  /** The series with these labels, made empty if there is none. */
  series(...labels: LabelValues): Series;
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

/** A counter or gauge with its labels. */
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
}

function createHistogram(bounds: readonly number[]): Histogram {
  // One more than there are bounds: what is beyond the last.
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    observe(value) {
      let bucket = 0;
      while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      sum += value;
    },
    lines(name, labels) {
      const prefix = labels === "" ? "" : `${labels},`;
      let total = 0;
      const buckets = [...counts].map((count, n) => {
        total += count;
        const bound = bounds[n];
        const le = bound === undefined ? "+Inf" : numberText(bound);
        return `${name}_bucket{${prefix}le="${le}"} ${total}`;
      });
      const braced = inBraces(labels);
      return [
        ...buckets,
        `${name}_sum${braced} ${numberText(sum)}`,
        `${name}_count${braced} ${total}`,
      ];
    },
  };
}

/** A histogram with its labels. `bounds` are the inclusive upper bounds of its buckets, ascending. */
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
  };
}
