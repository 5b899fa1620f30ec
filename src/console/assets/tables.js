/** The tables and facts. All texts are set as text, never as HTML. */
import { numberText, spanText, timeText } from "./format.js";

/** @typedef {import("../messages.ts").SampleMessage} SampleMessage */
/** @typedef {import("../messages.ts").FailedCall} FailedCall */
/** @typedef {import("../messages.ts").CallerShare} CallerShare */

/** The element with this ID. @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** The canvas with this ID. @param {string} id */
export function canvasById(id) {
  const canvas = byId(id);
  if (!(canvas instanceof HTMLCanvasElement)) throw new Error(`#${id} is no canvas`);
  return canvas;
}

/**
 * Sets the text of an element, and nothing if it has it: so a selection stays.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A cell of a table.
 * @param {string} title heading of its column
 * @param {string | Node} content
 * @param {string} [className]
 */
function cellOf(title, content, className) {
  const cell = document.createElement("td");
  cell.dataset["title"] = title;
  if (className !== undefined) cell.className = className;
  cell.append(content);
  return cell;
}

/** @param {readonly Node[]} cells */
function rowOf(cells) {
  const row = document.createElement("tr");
  row.append(...cells);
  return row;
}

/** Updates the table of instances. @param {SampleMessage} sample @param {string} chosen */
export function showInstances({ cells }, chosen) {
  for (const row of document.querySelectorAll("#instances tr")) {
    if (!(row instanceof HTMLElement)) continue;
    const alias = row.dataset["alias"] ?? "";
    const texts = cells[alias];
    if (texts === undefined) continue;
    row.dataset["word"] = texts["word"] ?? "";
    for (const cell of row.querySelectorAll("td")) {
      setText(cell, texts[cell.dataset["cell"] ?? ""] ?? "");
    }
    const link = row.querySelector("a");
    if (alias === chosen) link?.setAttribute("aria-current", "true");
    else link?.removeAttribute("aria-current");
  }
}

/**
 * A caller's name, with the trust domain of a SPIFFE ID apart from its path.
 * @param {string} name
 */
function callerCell(name) {
  const cell = document.createElement("td");
  cell.dataset["title"] = "Caller";
  cell.title = name;
  const [, domain, path] = /^(spiffe:\/\/[^/]+\/)(.+)$/.exec(name) ?? [];
  if (domain === undefined || path === undefined) {
    cell.append(name);
    return cell;
  }
  const prefix = document.createElement("span");
  prefix.className = "prefix";
  prefix.append(domain);
  cell.append(prefix, path);
  return cell;
}

/** @param {CallerShare} caller */
function callerRow({ name, percent, requests, waiting, refused, failed }) {
  const bar = document.createElement("progress");
  bar.className = "share-bar";
  bar.max = 100;
  bar.value = percent;
  bar.setAttribute("aria-hidden", "true");
  const share = document.createElement("span");
  share.append(`${numberText(percent)} %`, bar);
  return rowOf([
    callerCell(name),
    cellOf("Share", share, "number"),
    cellOf("Requests", String(requests), "number"),
    cellOf("Waiting", String(waiting), "number"),
    cellOf("Refused", String(refused), "number"),
    cellOf("Failed", String(failed), "number"),
  ]);
}

/** @param {readonly CallerShare[]} callers */
export function showCallers(callers) {
  byId("callers").replaceChildren(...callers.map(callerRow));
  byId("no-callers").hidden = callers.length > 0;
  byId("callers")
    .closest("table")
    ?.toggleAttribute("hidden", callers.length === 0);
  const most = callers[0];
  const text = most === undefined ? "" : `${callers.length} seen`;
  setText(byId("caller-figures"), text);
}

/** Copies a text. Browsers have the clipboard for HTTPS and loopback only. @param {string} text */
async function copy(text) {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** A button that copies the ID. @param {string} id */
function copyButton(id) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = id;
  button.title = "Copy";
  button.setAttribute("aria-label", `Copy the correlation ID ${id}`);
  const copyNow = async () => {
    await copy(id);
    button.dataset["copied"] = "";
    setTimeout(() => delete button.dataset["copied"], 1_500);
  };
  button.addEventListener("click", () => void copyNow());
  return button;
}

/** @param {FailedCall} call */
function failureRow(call) {
  const time = document.createElement("time");
  time.dateTime = new Date(call.at).toISOString();
  time.textContent = timeText(call.at);
  return rowOf([
    cellOf("Time", time),
    cellOf("Method", call.method),
    cellOf("Status", call.code),
    cellOf("Reason", call.reason),
    cellOf("Instance", call.instance),
    cellOf("Attempts", String(call.attempts), "number"),
    cellOf("Upstream", call.upstreamStatus === null ? "" : String(call.upstreamStatus), "number"),
    cellOf("Correlation ID", copyButton(call.correlationId)),
    callerCell(call.caller ?? ""),
  ]);
}

const mostFailures = 200;
/** ID of the newest call in the list. The gateway counts them from 1. */
let newestFailure = 0;

/**
 * Adds failed calls on top.
 * @param {readonly FailedCall[]} failures the newest last
 * @param {{ isWhole: boolean }} options whether these are all, and replace what is shown
 */
export function addFailures(failures, { isWhole }) {
  const body = byId("failures");
  // The list of a new connection holds calls that the next sample tells once more.
  if (isWhole) newestFailure = 0;
  const added = failures.filter(({ id }) => id > newestFailure);
  newestFailure = added.at(-1)?.id ?? newestFailure;
  const rows = added.toReversed().map(failureRow);
  if (isWhole) body.replaceChildren(...rows);
  else body.prepend(...rows);
  while (body.childElementCount > mostFailures) body.lastElementChild?.remove();
  const isEmpty = body.childElementCount === 0;
  byId("no-failures").hidden = !isEmpty;
  body.closest("table")?.toggleAttribute("hidden", isEmpty);
}

/** @param {boolean} namesCallers */
export function showCallerColumn(namesCallers) {
  byId("failures").closest("table")?.classList.toggle("unnamed", !namesCallers);
}

/** The facts about credentials and connections. @param {SampleMessage} sample @param {string} chosen */
export function showFacts({ state, certificateSeconds }, chosen) {
  const instance = state.instances[chosen];
  if (instance === undefined) return;
  const { token, connections, retryBudget, share, proxy } = instance;
  const age = token?.ageSeconds === undefined ? "" : `, ${spanText(token.ageSeconds)} old`;
  const certificate =
    certificateSeconds === null ? "no TLS" : `${spanText(certificateSeconds)} left`;
  /** @type {(readonly [string, string])[]} */
  const facts = [
    ["IAM token", token === undefined ? "of callers" : `${token.phase}${age}`],
    ["Certificate", certificate],
    ["Connections", `${connections.open} open of ${connections.most}`],
    ["Retries possible now", String(Math.floor(retryBudget))],
  ];
  if (token?.failure !== undefined) facts.splice(1, 0, ["Last refresh", token.failure]);
  if (share !== undefined) {
    const unheard = share.unheard === 0 ? "" : `, ${share.unheard} unheard`;
    facts.push(["Quota share", `${share.kind}, ${share.members} replicas${unheard}`]);
  }
  if (proxy !== undefined) facts.push(["Proxy", proxy]);
  const list = byId("facts");
  const nodes = facts.map(([name, text]) => {
    const group = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    term.textContent = name;
    value.textContent = text;
    group.append(term, value);
    return group;
  });
  list.replaceChildren(...nodes);
  setText(byId("certificate"), certificate);
}
