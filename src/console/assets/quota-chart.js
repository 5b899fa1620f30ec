/** The quota: the allowed rate, what is sent, 429s, the safe rate and the phase. */
import { colour, createHistoryChart, faint, runsOf, uPlot } from "./charts.js";
import { numberText } from "./format.js";

/** @typedef {import("./charts.js").HistoryMessage} HistoryMessage */
/** @typedef {import("./charts.js").Chart} Chart */
/** @typedef {import("./charts.js").ChartOptions} ChartOptions */

const height = 300;
const stripHeight = 17;

/** The colour of a phase's background, and how strong it is. @param {string | undefined} phase */
function phaseColour(phase) {
  if (phase === "blackout") return faint(colour("bad"), 0.2);
  if (phase === "slow-start") return faint(colour("odd"), 0.15);
  if (phase === "probe") return faint(colour("allowed"), 0.14);
  if (phase === "unpaced") return faint(colour("muted"), 0.12);
  return faint(colour("safe"), 0.05);
}

/**
 * Draws the phases behind the lines, and their names in a strip above them.
 * @param {Chart} chart
 * @param {HistoryMessage} history
 */
function drawPhases(chart, history) {
  const { ctx, bbox } = chart;
  const ratio = uPlot.pxRatio;
  const strip = stripHeight * ratio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const { value, from, to } of runsOf(history.phase)) {
    const left = chart.valToPos((history.times[from] ?? 0) / 1_000, "x", true);
    const end = (history.times[to + 1] ?? history.times[to] ?? 0) / 1_000;
    const right = chart.valToPos(end, "x", true);
    const phase = history.phases[value];
    ctx.fillStyle = phaseColour(phase);
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillRect(left, bbox.top, right - left, strip);
    ctx.fillStyle = colour("line");
    ctx.fillRect(left, bbox.top, ratio, bbox.height);
    const text = phase ?? "";
    if (ctx.measureText(text).width + 10 * ratio < right - left) {
      ctx.fillStyle = colour("text");
      ctx.fillText(text, left + 5 * ratio, bbox.top + strip / 2);
    }
  }
  ctx.restore();
}

/**
 * Marks the seconds with 429s by a cross on the line of what was sent.
 * @param {Chart} chart
 * @param {HistoryMessage} history
 */
function drawRefusals(chart, history) {
  const { ctx, bbox } = chart;
  const ratio = uPlot.pxRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.strokeStyle = colour("bad");
  ctx.lineWidth = 2 * ratio;
  for (const [at, count] of history.throttled.entries()) {
    if (count === 0) continue;
    const x = chart.valToPos((history.times[at] ?? 0) / 1_000, "x", true);
    const y = chart.valToPos(history.sent[at] ?? 0, "y", true);
    const size = (3 + Math.min(3, Math.log10(count) * 2)) * ratio;
    ctx.beginPath();
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x + size, y - size);
    ctx.lineTo(x - size, y + size);
    ctx.stroke();
  }
  ctx.restore();
}

/** Without a cursor the legend shows the newest value. @type {import("uplot").Series.Value} */
const value = (chart, _, series, at) =>
  numberText(chart.data[series]?.[at ?? (chart.data[0]?.length ?? 0) - 1]);

/**
 * @param {HTMLElement} container
 * @param {() => HistoryMessage} historyOf
 */
export function createQuotaChart(container, historyOf) {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const line = stepped === undefined ? {} : { paths: stepped };
  /** @returns {Pick<ChartOptions, "series"> & Partial<ChartOptions>} */
  const drawing = () => ({
    series: [
      {},
      {
        label: "safe rate",
        value,
        stroke: colour("safe"),
        dash: [4, 4],
        width: 1,
        fill: faint(colour("safe"), 0.13),
        points: { show: false },
        ...line,
      },
      {
        label: "allowed",
        value,
        stroke: colour("allowed"),
        width: 2.5,
        points: { show: false },
        ...line,
      },
      {
        label: "sent",
        value,
        stroke: colour("sent"),
        width: 1.25,
        points: { show: false },
      },
      {
        label: "429",
        value,
        stroke: colour("bad"),
        scale: "count",
        paths: () => null,
        points: { show: false },
      },
    ],
    scales: { count: { range: [0, 1] } },
    hooks: {
      drawClear: [(chart) => drawPhases(chart, historyOf())],
      draw: [(chart) => drawRefusals(chart, historyOf())],
    },
  });
  return createHistoryChart(container, {
    height,
    historyOf,
    drawing,
    columnsOf: ({ safe, allowed, sent, throttled }) =>
      [safe, allowed, sent, throttled].map((column) => [...column]),
  });
}
