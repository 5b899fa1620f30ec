/** Metrics and labels in queries of Prometheus. */
import { collectDefaultMetrics, Registry } from "prom-client";
import { metricDefinitions } from "../../src/observability/metrics/definitions.ts";

interface Known {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** The metrics of Node and the process, whose observers end with this program. */
const registry = new Registry();
collectDefaultMetrics({ register: registry });
const known: readonly Known[] = [
  ...Object.values(metricDefinitions),
  ...registry
    .getMetricsAsArray()
    .map(({ name, type }) => ({ name, type: String(type), labels: ["version", "type", "kind"] })),
];

/** Labels by the name of a metric; histograms have three names. */
const labelsOf = new Map<string, readonly string[]>(
  known.flatMap(({ name, type, labels }) => {
    const ends = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    // Prometheus adds `job` and `instance`, the target, and renames a label of the same name.
    const renamed = labels.map((label) => (label === "instance" ? "exported_instance" : label));
    const all = [...renamed, "job", "instance", ...(type === "histogram" ? ["le"] : [])];
    return ends.map((end): [string, readonly string[]] => [`${name}${end}`, all]);
  }),
);

/** Metrics with their conditions, such as `name{label="value"}`. */
const selectorsIn = (query: string): readonly (readonly [name: string, conditions: string])[] =>
  [
    ...query.matchAll(/\b((?:keyprotect_gateway|grpc_server|process|nodejs)_\w+)(?:\{([^}]*)\})?/g),
  ].map(([, name = "", conditions = ""]) => [name, conditions] as const);

const listsIn = (query: string): readonly string[] =>
  [...query.matchAll(/\b(?:by|on|without|ignoring) \(([^)]*)\)/g)].flatMap(([, list = ""]) =>
    list
      .split(",")
      .map((label) => label.trim())
      .filter((label) => label !== ""),
  );

/** Says which metrics and labels of a query do not exist. Empty if all do. */
export function problemsOf(query: string): string[] {
  const selectors = selectorsIn(query);
  if (selectors.length === 0) return [`no metric in ${query}`];
  const ofSelectors = selectors.flatMap(([name, conditions]) => {
    const labels = labelsOf.get(name);
    if (labels === undefined) return [`no metric ${name}`];
    const used = [...conditions.matchAll(/(\w+)\s*(?:=|!=|=~|!~)\s*"/g)].map(([, label]) => label);
    return used
      .filter((label) => label === undefined || !labels.includes(label))
      .map((label) => `${name} has no label ${label}`);
  });
  const labels = new Set(selectors.flatMap(([name]) => labelsOf.get(name) ?? []));
  const ofLists = listsIn(query)
    .filter((label) => !labels.has(label))
    .map((label) => `no metric of ${query} has a label ${label}`);
  return [...ofSelectors, ...ofLists];
}
