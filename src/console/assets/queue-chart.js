/** The queue by class, as stacked areas. */
import { colour, createChart, faint, showNewest, windowOf } from "./charts.js";

/** @typedef {import("./charts.js").HistoryMessage} HistoryMessage */

const height = 236;

/** The first served is at the bottom. Series are drawn from the top of the stack downwards. */
const classes = /** @type {const} */ (["bulk", "management", "interactive"]);

/**
 * @param {HTMLElement} container
 * @param {() => HistoryMessage} historyOf
 */
export function createQueueChart(container, historyOf) {
  const make = () =>
    createChart(container, height, {
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
  let chart = make();
  const update = () => {
    const { times, queue } = historyOf();
    const [min, max] = windowOf(times);
    const seconds = times.map((ms) => ms / 1_000);
    const { interactive, management, bulk } = queue;
    const lower = interactive.map((count, at) => count + (management[at] ?? 0));
    const all = lower.map((count, at) => count + (bulk[at] ?? 0));
    chart.batch(() => {
      chart.setData([seconds, all, lower, [...interactive]], false);
      chart.setScale("x", { min, max });
    });
    showNewest(chart);
  };
  return {
    update,
    resize: () => chart.setSize({ width: container.clientWidth, height }),
    recolour() {
      chart.destroy();
      chart = make();
      update();
    },
  };
}
