/** The queue by class, as stacked areas. */
import { colour, createHistoryChart, faint } from "./charts.js";

/** @typedef {import("./charts.js").HistoryMessage} HistoryMessage */

const height = 236;

/** The first served is at the bottom. Series are drawn from the top of the stack downwards. */
const classes = /** @type {const} */ (["bulk", "management", "interactive"]);

/**
 * @param {HTMLElement} container
 * @param {() => HistoryMessage} historyOf
 */
export function createQueueChart(container, historyOf) {
  const drawing = () => ({
    series: [
      {},
      ...classes.map((name) => ({
        label: name,
        value: (
          /** @type {import("./charts.js").Chart} */ _,
          /** @type {number} */ __,
          /** @type {number} */ ___,
          /** @type {number | null} */ at,
        ) => String(historyOf().queue[name].at(at ?? -1) ?? 0),
        stroke: colour(name),
        fill: faint(colour(name), 0.85),
        width: 1,
        points: { show: false },
      })),
    ],
  });
  return createHistoryChart(container, {
    height,
    historyOf,
    drawing,
    columnsOf({ queue: { interactive, management, bulk } }) {
      const lower = interactive.map((count, at) => count + (management[at] ?? 0));
      const all = lower.map((count, at) => count + (bulk[at] ?? 0));
      return [all, lower, [...interactive]];
    },
  });
}
