/** The latency of calls: how many ended in which time, with the median and the 99th percentile. */
import { colour, drawTimes, prepare, windowOf } from "./charts.js";
import { latencyText } from "./format.js";

/** @typedef {import("./charts.js").HistoryMessage} HistoryMessage */
/** @typedef {keyof HistoryMessage["p50"]} Group */

const leftEdge = 52;
const bottomEdge = 24;
const columnWidth = 4;

/**
 * The height of a latency above the bottom, in rows: within a bucket it is interpolated.
 * @param {number} seconds
 * @param {readonly number[]} bounds
 */
function rowOf(seconds, bounds) {
  const at = bounds.findIndex((bound) => seconds <= bound);
  if (at < 0) return bounds.length + 0.5;
  const lower = bounds[at - 1] ?? 0;
  return at + (seconds - lower) / ((bounds[at] ?? 1) - lower);
}

/** Calls of one second by bucket. @param {HistoryMessage} history @param {Group} group @param {number} at */
function countsAt({ latency, bounds }, group, at) {
  if (group !== "all") return latency[group][at] ?? [];
  return Array.from(
    { length: bounds.length + 1 },
    (_, bucket) =>
      (latency.wrap[at]?.[bucket] ?? 0) +
      (latency.unwrap[at]?.[bucket] ?? 0) +
      (latency.other[at]?.[bucket] ?? 0),
  );
}

/**
 * Draws the percentile as a line over the cells, with an edge in the colour of the ground.
 * @param {CanvasRenderingContext2D} context
 * @param {readonly { x: number, y: number }[]} points
 * @param {readonly number[]} dash
 */
function drawLine(context, points, dash) {
  if (points.length === 0) return;
  for (const [width, ink] of /** @type {const} */ ([
    [4, "panel"],
    [1.75, "heat-line"],
  ])) {
    context.beginPath();
    for (const [at, { x, y }] of points.entries()) {
      if (at === 0 || x - (points[at - 1]?.x ?? x) > 12) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
    context.setLineDash(ink === "panel" ? [] : [...dash]);
    context.lineWidth = width;
    context.strokeStyle = colour(ink);
    context.stroke();
  }
  context.setLineDash([]);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HistoryMessage} history
 * @param {Group} group
 */
export function drawHeatMap(canvas, history, group) {
  const { context, width, height } = prepare(canvas);
  const { times, bounds } = history;
  const [from, to] = windowOf(times);
  const right = width - 40;
  const bottom = height - bottomEdge;
  const rows = bounds.length + 1;
  const rowHeight = (bottom - 4) / rows;
  const columns = Math.floor((right - leftEdge) / columnWidth);
  const xOf = (/** @type {number} */ ms) =>
    leftEdge + ((ms / 1_000 - from) / (to - from)) * (right - leftEdge);

  const cells = new Float64Array(Math.max(0, columns + 1) * rows);
  for (const [at, ms] of times.entries()) {
    const column = Math.floor((xOf(ms) - leftEdge) / columnWidth);
    if (column < 0 || column > columns) continue;
    for (const [bucket, count] of countsAt(history, group, at).entries()) {
      const cell = column * rows + bucket;
      cells[cell] = (cells[cell] ?? 0) + count;
    }
  }
  const most = Math.max(0, ...cells);
  const ink = colour("heat");
  for (const [cell, count] of cells.entries()) {
    if (count === 0) continue;
    context.fillStyle = `rgb(${ink} / ${0.12 + 0.88 * Math.sqrt(count / most)})`;
    const x = leftEdge + Math.floor(cell / rows) * columnWidth;
    const y = bottom - ((cell % rows) + 1) * rowHeight;
    context.fillRect(x, y, Math.min(columnWidth, right - x), rowHeight - 0.5);
  }

  context.textAlign = "right";
  for (const [at, bound] of bounds.entries()) {
    if (at % 2 === 1 && rowHeight < 11) continue;
    const y = bottom - (at + 1) * rowHeight;
    context.fillStyle = colour("grid");
    context.fillRect(leftEdge, y, right - leftEdge, 1);
    context.fillStyle = colour("muted");
    context.fillText(latencyText(bound), leftEdge - 6, y);
  }
  drawTimes(context, { left: leftEdge, right, y: height - 9, from, to });

  if (most === 0) {
    context.fillStyle = colour("muted");
    context.textAlign = "center";
    context.fillText("No call has ended in this time.", (leftEdge + right) / 2, bottom / 2);
    return;
  }
  const pointsOf = (/** @type {readonly (number | null)[]} */ values) =>
    values.flatMap((value, at) => {
      const x = xOf(times[at] ?? 0);
      if (value === null || x < leftEdge) return [];
      return [{ x, y: bottom - rowOf(value, bounds) * rowHeight }];
    });
  for (const [name, dash] of /** @type {const} */ ([
    ["p50", [6, 4]],
    ["p99", []],
  ])) {
    const points = pointsOf(history[name][group]);
    drawLine(context, points, dash);
    const last = points.at(-1);
    if (last === undefined) continue;
    context.fillStyle = colour("text");
    context.textAlign = "left";
    context.fillText(name, Math.min(last.x, right) + 5, last.y);
  }
}
