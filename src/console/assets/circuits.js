/** The two circuits over time. */
import { colour, drawTimes, faint, prepare, runsOf, windowOf } from "./charts.js";

/** @typedef {import("./charts.js").HistoryMessage} HistoryMessage */

const leftEdge = 92;
const rowHeight = 34;
const barHeight = 20;

/** Draws slanted lines over a bar. @param {CanvasRenderingContext2D} context @param {DOMRect} bar */
function hatch(context, bar) {
  context.save();
  context.beginPath();
  context.rect(bar.x, bar.y, bar.width, bar.height);
  context.clip();
  context.beginPath();
  for (let x = bar.left - bar.height; x < bar.right; x += 6) {
    context.moveTo(x, bar.bottom);
    context.lineTo(x + bar.height, bar.top);
  }
  context.lineWidth = 2;
  context.strokeStyle = colour("odd");
  context.stroke();
  context.restore();
}

/**
 * Draws the bar of one state: a line for closed, a full bar for open, a hatched one for half-open.
 * @param {CanvasRenderingContext2D} context
 * @param {string | undefined} state
 * @param {DOMRect} bar
 */
function drawState(context, state, bar) {
  if (state === "open") {
    context.fillStyle = colour("bad");
    context.fillRect(bar.x, bar.y, bar.width, bar.height);
    if (bar.width > 40) {
      context.fillStyle = colour("panel");
      context.textAlign = "left";
      context.fillText("open", bar.x + 6, bar.y + bar.height / 2);
    }
  } else if (state === "halfOpen") {
    context.fillStyle = faint(colour("odd"), 0.25);
    context.fillRect(bar.x, bar.y, bar.width, bar.height);
    hatch(context, bar);
  } else {
    context.fillStyle = state === "closed" ? colour("safe") : colour("line");
    context.fillRect(bar.x, bar.y + bar.height / 2 - 2, bar.width, 4);
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HistoryMessage} history
 */
export function drawCircuits(canvas, history) {
  const { context, width, height } = prepare(canvas);
  const { times, circuitStates } = history;
  const [from, to] = windowOf(times);
  const right = width - 8;
  const xOf = (/** @type {number} */ ms) =>
    leftEdge + ((ms / 1_000 - from) / (to - from)) * (right - leftEdge);
  for (const [row, name] of /** @type {const} */ (["data", "management"]).entries()) {
    const y = row * rowHeight + 6;
    context.fillStyle = colour("text");
    context.textAlign = "left";
    context.fillText(name, 0, y + barHeight / 2);
    for (const run of runsOf(history[name])) {
      const left = Math.max(leftEdge, xOf(times[run.from] ?? 0));
      const end = xOf(times[run.to + 1] ?? times[run.to] ?? 0);
      const bar = new DOMRect(left, y, Math.max(2, end - left), barHeight);
      drawState(context, circuitStates[run.value], bar);
    }
  }
  drawTimes(context, { left: leftEdge, right, y: height - 10, from, to });
}
