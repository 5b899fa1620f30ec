/** The console's page: follows the events of the gateway and shows them. */
import { drawCircuits } from "./circuits.js";
import { circuitText, latencyText, spanText, timeText } from "./format.js";
import { drawHeatMap } from "./heat-map.js";
import { createQueueChart } from "./queue-chart.js";
import { createQuotaChart } from "./quota-chart.js";
import {
  addFailures,
  byId,
  canvasById,
  setText,
  showCallerColumn,
  showCallers,
  showFacts,
  showInstances,
} from "./tables.js";

/** @typedef {import("../messages.ts").HistoryMessage} HistoryMessage */
/** @typedef {import("../messages.ts").SampleMessage} SampleMessage */
/** @typedef {keyof HistoryMessage["p50"]} Group */
/**
 * @template T
 * @typedef {T extends readonly (infer V)[] ? V[] : { [K in keyof T]: Columns<T[K]> }} Columns
 */
/** @typedef {"phases" | "circuitStates"} Names */
/** @typedef {Columns<Omit<HistoryMessage, Names>> & Pick<HistoryMessage, Names>} GrowingHistory */

const groups = /** @type {const} */ (["all", "wrap", "unwrap", "other"]);
const mostSamples = 900;
/** Without an event for so long, the connection counts as broken. */
const silenceMs = 5_000;
const retryMs = 2_000;

document.documentElement.classList.add("scripted");

/** @type {GrowingHistory | undefined} */
let history;
/** @type {SampleMessage | undefined} */
let sample;
/** @type {Group} */
let group = "all";
let chosen = new URLSearchParams(location.search).get("instance") ?? "";
let heardAt = Date.now();
/** @type {EventSource | undefined} */
let source;

const heat = canvasById("heat");
const circuits = canvasById("circuits");

/** Adds the newest second to the columns, and drops the oldest. @param {SampleMessage} message */
function append({ at, point, latency, p50, p99 }) {
  if (history === undefined || at <= (history.times.at(-1) ?? 0)) return;
  const { phases, circuitStates } = history;
  history.times.push(at);
  history.allowed.push(point.allowed);
  history.safe.push(point.safe);
  history.sent.push(point.sent);
  history.throttled.push(point.throttled);
  history.phase.push(phases.indexOf(point.phase));
  history.data.push(circuitStates.indexOf(point.data));
  history.management.push(circuitStates.indexOf(point.management));
  for (const name of /** @type {const} */ (["interactive", "management", "bulk"])) {
    history.queue[name].push(point.queue[name]);
  }
  for (const name of /** @type {const} */ (["wrap", "unwrap", "other"])) {
    history.latency[name].push([...latency[name]]);
  }
  for (const name of groups) {
    history.p50[name].push(p50[name]);
    history.p99[name].push(p99[name]);
  }
  if (history.times.length <= mostSamples) return;
  const { queue, latency: counts, p50: medians, p99: slow, ...rest } = history;
  const columns = [rest.times, rest.allowed, rest.safe, rest.sent, rest.throttled, rest.phase];
  columns.push(rest.data, rest.management);
  for (const parts of [queue, counts, medians, slow]) columns.push(...Object.values(parts));
  for (const column of columns) column.shift();
}

const newest = () => {
  if (history === undefined) throw new Error("nothing was received yet");
  return history;
};

/** @type {{ update: () => void, resize: () => void, recolour: () => void }[]} */
let charts = [];

function draw() {
  if (history === undefined || sample === undefined) return;
  if (charts.length === 0) {
    charts = [createQuotaChart(byId("quota"), newest), createQueueChart(byId("queue"), newest)];
  }
  for (const chart of charts) chart.update();
  drawHeatMap(heat, history, group);
  drawCircuits(circuits, history);
}

/** Shows the figures beside the charts. @param {SampleMessage} message */
function showFigures({ state, summaries, p50, p99 }) {
  const instance = state.instances[chosen];
  const summary = summaries[chosen];
  if (instance === undefined || summary === undefined) return;
  const word = byId("word");
  word.dataset["word"] = summary.word;
  setText(word, summary.word);
  setText(byId("why"), summary.why);
  const { interactive, management, bulk, callers } = instance.queue;
  const waiting = interactive + management + bulk;
  const calls = `${waiting} ${waiting === 1 ? "call" : "calls"}`;
  const from = `${callers} ${callers === 1 ? "caller" : "callers"}`;
  setText(byId("queue-figures"), waiting === 0 ? "nothing waits" : `${calls} of ${from}`);
  const latency = `p50 ${latencyText(p50[group])} · p99 ${latencyText(p99[group])}`;
  setText(byId("latency-figures"), p50[group] === null ? "no calls in 10 s" : latency);
  heat.setAttribute("aria-label", `Latency of calls over time. In the last 10 s: ${latency}`);
  const both = instance.circuits;
  const text =
    both === undefined
      ? "off"
      : `data ${circuitText(both.data.state)}, management ${circuitText(both.management.state)}`;
  setText(byId("circuit-figures"), text);
  circuits.setAttribute("aria-label", `Circuits over time. Now: ${text}`);
}

/** @param {SampleMessage} message */
function show(message) {
  sample = message;
  append(message);
  showInstances(message, chosen);
  showFigures(message);
  showCallers(message.callers);
  showFacts(message, chosen);
  if (message.failures.length > 0) addFailures(message.failures, { isWhole: false });
  setText(byId("failure-count"), String(message.failureCount));
  setText(byId("uptime"), spanText(message.state.uptimeSeconds));
  setText(byId("version"), message.state.version);
  draw();
}

/** @param {boolean} isLive */
function showContact(isLive) {
  const live = byId("live");
  live.dataset["live"] = isLive ? "yes" : "no";
  setText(live, `${location.host} ${isLive ? "live" : "no contact"}`);
  byId("main").toggleAttribute("data-stale", !isLive);
  const notice = byId("notice");
  notice.hidden = isLive;
  if (isLive) return;
  const text = `No contact with the gateway since ${timeText(heardAt)}. The page connects again by itself.`;
  setText(notice, text);
}

function connect() {
  source?.close();
  const query = chosen === "" ? "" : `?instance=${encodeURIComponent(chosen)}`;
  source = new EventSource(`/console/events${query}`);
  source.addEventListener("history", (event) => {
    history = JSON.parse(event.data);
    if (history === undefined) return;
    chosen = history.instance;
    for (const name of document.querySelectorAll("[data-chosen]")) setText(name, chosen);
    document.title = `${chosen} · keyprotect-gateway`;
    showCallerColumn(history.namesCallers);
    addFailures(history.failures, { isWhole: true });
  });
  source.addEventListener("sample", (event) => {
    heardAt = Date.now();
    showContact(true);
    show(JSON.parse(event.data));
  });
  source.addEventListener("error", () => showContact(false));
}

// The browser connects again by itself after a broken connection, but not after an answer that is
// no stream, nor if a connection stays silent.
setInterval(() => {
  if (Date.now() - heardAt < silenceMs) return;
  showContact(false);
  if (source?.readyState !== EventSource.CONNECTING) connect();
}, retryMs);

byId("instances").addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  globalThis.history.pushState(null, "", link.href);
  chosen = link.closest("tr")?.dataset["alias"] ?? chosen;
  connect();
});
addEventListener("popstate", () => {
  chosen = new URLSearchParams(location.search).get("instance") ?? "";
  connect();
});

byId("groups").addEventListener("change", (event) => {
  const wanted = event.target instanceof HTMLInputElement ? event.target.value : "";
  group = groups.find((name) => name === wanted) ?? group;
  if (sample !== undefined) showFigures(sample);
  draw();
});

new ResizeObserver(() => {
  for (const chart of charts) chart.resize();
  draw();
}).observe(byId("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts) chart.recolour();
  draw();
});

connect();
