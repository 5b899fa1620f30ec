/** Makes the JSON of Grafana's panels from short descriptions of them. */

/** A query of a panel. */
export interface Query {
  readonly expr: string;
  /** Legend, with labels in double braces. */
  readonly legend: string;
}

/** The parts of a panel that differ from those of other panels. */
export interface Panel {
  readonly title: string;
  /** The text behind the panel's information sign: what to read from it, and what to do. */
  readonly description: string;
  /** Default: `timeseries`. `states` shows a line of named states. */
  readonly type?: "timeseries" | "states";
  /** Grafana's name of the unit. Default: calls or requests per second. */
  readonly unit?: "reqps" | "s" | "percentunit" | "short";
  /** Whether the series are stacked on one another. Default: `false`. */
  readonly isStacked?: boolean;
  /** The value from which on the panel is red. Default: none. */
  readonly redFrom?: number;
  readonly queries: readonly Query[];
}

/** Panels under a heading that asks the question which they answer. */
export interface Row {
  readonly title: string;
  /** Two to four. Their widths are equal. */
  readonly panels: readonly Panel[];
}

type Json = Readonly<Record<string, unknown>>;

const datasource = { type: "prometheus", uid: "${datasource}" };
const grafanaTypes = { timeseries: "timeseries", states: "state-timeline" };
const width = 24;
const panelHeight = 8;

function panelJson(panel: Panel, id: number, place: Json): Json {
  const { title, description, type = "timeseries", unit = "reqps", isStacked, redFrom } = panel;
  const steps = [
    { color: "green", value: null },
    ...(redFrom === undefined ? [] : [{ color: "red", value: redFrom }]),
  ];
  return {
    id,
    title,
    description,
    type: grafanaTypes[type],
    datasource,
    gridPos: place,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        thresholds: { mode: "absolute", steps },
        custom:
          type === "timeseries"
            ? {
                lineWidth: 1,
                fillOpacity: isStacked === true ? 40 : 0,
                stacking: { mode: isStacked === true ? "normal" : "none" },
                thresholdsStyle: { mode: redFrom === undefined ? "off" : "line" },
              }
            : {},
      },
      overrides: [],
    },
    options:
      type === "timeseries"
        ? { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } }
        : {},
    targets: panel.queries.map(({ expr, legend }, at) => ({
      refId: "ABCDEFGH".charAt(at),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}

/** Lays out rows from top to bottom. */
export function panelsJson(rows: readonly Row[]): readonly Json[] {
  const panels: Json[] = [];
  let y = 0;
  for (const { title, panels: ofRow } of rows) {
    const heading = { h: 1, w: width, x: 0, y };
    panels.push({ id: panels.length + 1, type: "row", title, collapsed: false, gridPos: heading });
    const w = width / ofRow.length;
    for (const [at, panel] of ofRow.entries()) {
      const place = { h: panelHeight, w, x: at * w, y: y + 1 };
      panels.push(panelJson(panel, panels.length + 1, place));
    }
    y += 1 + panelHeight;
  }
  return panels;
}
