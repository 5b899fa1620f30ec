/** The parts that all charts use: colours, the window of time, and sizes. */
import { minuteText, timeText } from "./format.js";

/** @typedef {import("../messages.ts").HistoryMessage} HistoryMessage */
/** @typedef {import("../messages.ts").SampleMessage} SampleMessage */
/** @typedef {import("uplot")} Chart */
/** @typedef {import("uplot").Options} ChartOptions */

/** uPlot is a classic script that runs before the modules. */
export const { uPlot } = globalThis;

/** The value of a custom property of the style sheet. @param {string} name */
export const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A colour with an alpha of 0 to 1. @param {string} hex @param {number} alpha */
export const faint = (hex, alpha) =>
  hex +
  Math.round(alpha * 255)
    .toString(16)
    .padStart(2, "0");

/** Shortest and longest window, in seconds. */
const leastSeconds = 120;
const mostSeconds = 900;

/**
 * The window that all charts show, in seconds since the epoch: all samples, but at least two
 * minutes.
 * @param {readonly number[]} times in milliseconds
 * @returns {[from: number, to: number]}
 */
export function windowOf(times) {
  const to = (times.at(-1) ?? Date.now()) / 1_000;
  const from = (times[0] ?? Date.now()) / 1_000;
  return [to - Math.min(mostSeconds, Math.max(leastSeconds, to - from)), to];
}

/** The text of a tick: with seconds only if ticks are closer than a minute. @param {number} second @param {number} step */
const tickText = (second, step) => (step < 60 ? timeText : minuteText)(second * 1_000);

/** @returns {import("uplot").Axis[]} */
function axes() {
  const shared = {
    stroke: colour("muted"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return [
    {
      ...shared,
      grid: { show: false },
      space: 84,
      size: 26,
      incrs: [15, 30, 60, 120, 300],
      values: (_, splits, __, ___, step) => splits.map((second) => tickText(second, step)),
    },
    { ...shared, size: 44, space: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] },
  ];
}

/** From zero, with room for a strip above. @type {import("uplot").Range.Function} */
const yRange = (_, __, most) => [0, Math.max(5, (most ?? 0) * 1.22)];

/**
 * Creates a chart of the container's width that follows it.
 * @param {HTMLElement} container
 * @param {number} height
 * @param {Pick<ChartOptions, "series"> & Partial<ChartOptions>} options
 * @returns {Chart}
 */
function createChart(container, height, options) {
  const width = Math.max(200, container.clientWidth);
  const chart = new uPlot(
    {
      width,
      height,
      axes: axes(),
      legend: { live: true },
      cursor: { y: false, sync: { key: "console" }, points: { size: 5 } },
      ...options,
      scales: {
        x: { time: true },
        y: { range: yRange },
        ...options.scales,
      },
    },
    [[], ...options.series.slice(1).map(() => [])],
    container,
  );
  return chart;
}

/** Shows the newest values in the legend while no cursor is over the chart. @param {Chart} chart */
function showNewest(chart) {
  if (typeof chart.cursor.idx === "number") return;
  chart.setLegend({ idx: chart.data[0].length - 1 }, false);
}

/**
 * Creates a chart of the history. `update` draws it again, `resize` follows the container, and
 * `recolour` takes the colours of the page's theme.
 * @param {HTMLElement} container
 * @param {object} options
 * @param {number} options.height
 * @param {() => HistoryMessage} options.historyOf
 * @param {() => Pick<ChartOptions, "series"> & Partial<ChartOptions>} options.drawing the series
 * and hooks, in the present colours
 * @param {(history: HistoryMessage) => (number | null)[][]} options.columnsOf the values of the
 * series
 */
export function createHistoryChart(container, { height, historyOf, drawing, columnsOf }) {
  let chart = createChart(container, height, drawing());
  const update = () => {
    const history = historyOf();
    const [min, max] = windowOf(history.times);
    const seconds = history.times.map((ms) => ms / 1_000);
    chart.batch(() => {
      chart.setData([seconds, ...columnsOf(history)], false);
      chart.setScale("x", { min, max });
    });
    showNewest(chart);
  };
  return {
    update,
    resize: () => chart.setSize({ width: container.clientWidth, height }),
    recolour() {
      chart.destroy();
      chart = createChart(container, height, drawing());
      update();
    },
  };
}

/**
 * Prepares a canvas for drawing in CSS pixels, at its present size.
 * @param {HTMLCanvasElement} canvas
 */
export function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = globalThis.devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("the browser has no canvas");
  context.scale(ratio, ratio);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  return { context, width, height };
}

/**
 * Runs of equal values: where each begins and ends.
 * @template T
 * @param {readonly T[]} values
 * @returns {{ value: T, from: number, to: number }[]}
 */
export function runsOf(values) {
  /** @type {{ value: T, from: number, to: number }[]} */
  const runs = [];
  for (const [at, value] of values.entries()) {
    const last = runs.at(-1);
    if (last !== undefined && last.value === value) last.to = at;
    else runs.push({ value, from: at, to: at });
  }
  return runs;
}

/**
 * Draws the times below a canvas' plot area.
 * @param {CanvasRenderingContext2D} context
 * @param {{ left: number, right: number, y: number, from: number, to: number }} area
 */
export function drawTimes(context, { left, right, y, from, to }) {
  const step = [15, 30, 60, 120, 300].find(
    (seconds) => ((right - left) * seconds) / (to - from) >= 84,
  );
  if (step === undefined) return;
  context.fillStyle = colour("muted");
  context.textAlign = "center";
  for (let second = Math.ceil(from / step) * step; second <= to; second += step) {
    const x = left + ((second - from) / (to - from)) * (right - left);
    if (x > left + 20 && x < right - 20) context.fillText(tickText(second, step), x, y);
  }
}
