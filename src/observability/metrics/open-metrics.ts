/** The format OpenMetrics 1.0, which can name a trace beside a bucket of a histogram. */
import type { Exemplar } from "./families.ts";

/** Its media type. */
export const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** `# TYPE` and `# HELP` lines name a counter without this. */
const total = "_total";

/**
 * Converts metrics from Prometheus' text format 0.0.4. All samples stay as they are. The bounds of
 * buckets too: OpenMetrics prefers `1.0` to `1`, but Prometheus 2 would take them for other series.
 * `exemplars` are added by the name and labels of their bucket.
 */
export function toOpenMetrics(text: string, exemplars: ReadonlyMap<string, Exemplar>): string {
  const lines = text.split("\n").filter((line) => line !== "");
  const counters = new Set(lines.flatMap((line) => /^# TYPE (\S+) counter$/.exec(line)?.[1] ?? []));
  const converted = lines.map((line) =>
    line.startsWith("#") ? convertHead(line, counters) : convertSample(line, exemplars),
  );
  return [...converted, "# EOF", ""].join("\n");
}

function convertHead(line: string, counters: ReadonlySet<string>): string {
  const [, kind = "", name = "", rest = ""] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
  const family = counters.has(name) && name.endsWith(total) ? name.slice(0, -total.length) : name;
  return `# ${kind} ${family} ${kind === "HELP" ? rest.replaceAll('"', String.raw`\"`) : rest}`;
}

function convertSample(line: string, exemplars: ReadonlyMap<string, Exemplar>): string {
  const exemplar = exemplars.get(line.slice(0, line.lastIndexOf(" ")));
  if (exemplar === undefined) return line;
  const { traceId, value, at } = exemplar;
  return `${line} # {trace_id="${traceId}"} ${value} ${at.toFixed(3)}`;
}

/**
 * Whether a request prefers OpenMetrics 1.0 to Prometheus' text format, by its `Accept` header. A
 * request without a preference does not.
 */
export function prefersOpenMetrics(accept: string): boolean {
  let openMetrics = 0;
  let plain = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const valueOf = (name: string): string | undefined =>
      parameters.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
    const quality = Number(valueOf("q") ?? "1");
    const isOpen = type === "application/openmetrics-text";
    if (isOpen && (valueOf("version") ?? "1.0.0") === "1.0.0") {
      openMetrics = Math.max(openMetrics, quality);
    }
    if (type === "text/plain") plain = Math.max(plain, quality);
  }
  return openMetrics > 0 && openMetrics >= plain;
}
