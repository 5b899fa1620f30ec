/** Renders the page on the server, so that it works without JavaScript and with curl. */
import type { InstanceState } from "../observability/state.ts";
import type { CallerShare, FailedCall, InstanceSummary } from "./messages.ts";
import type { Latest } from "./samples/sampler.ts";

/** Everything that the page shows before its first event. */
export interface PageContent {
  readonly latest: Latest;
  /** Alias of the instance whose callers are shown. */
  readonly instance: string;
  readonly callers: readonly CallerShare[];
  /** The newest first. */
  readonly failures: readonly FailedCall[];
  readonly failureCount: number;
  readonly certificateSeconds: number | undefined;
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Makes a text safe within elements and quoted attributes. */
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? "");

const rounded = (value: number, digits = 1): string =>
  String(Number(value.toFixed(value < 100 ? digits : 0)));

/** A time span such as `4 min` or `89 d`. */
export function spanText(seconds: number): string {
  const { unit, size } = [
    { unit: "d", size: 86_400 },
    { unit: "h", size: 3_600 },
    { unit: "min", size: 60 },
  ].find(({ size: least }) => seconds >= 2 * least) ?? { unit: "s", size: 1 };
  return `${Math.floor(seconds / size)} ${unit}`;
}

const circuitText: Readonly<Record<string, string>> = {
  closed: "closed",
  open: "open",
  halfOpen: "half-open",
};

/** The columns of the table of instances. */
export const instanceColumns: readonly {
  readonly name: string;
  readonly title: string;
  readonly isNumber: boolean;
  readonly textOf: (state: InstanceState, summary: InstanceSummary) => string;
}[] = [
  {
    name: "word",
    title: "State",
    isNumber: false,
    textOf: (_, { word }) => word,
  },
  {
    name: "allowed",
    title: "Allowed/s",
    isNumber: true,
    textOf: ({ rate }) => (rate.perSecond === undefined ? "no limit" : rounded(rate.perSecond)),
  },
  {
    name: "sent",
    title: "Sent/s",
    isNumber: true,
    textOf: (_, { sentPerSecond }) => rounded(sentPerSecond),
  },
  {
    name: "throttled",
    title: "429 in 1 min",
    isNumber: true,
    textOf: (_, { throttledInMinute }) => String(throttledInMinute),
  },
  {
    name: "waiting",
    title: "Waiting",
    isNumber: true,
    textOf: ({ queue }) => String(queue.interactive + queue.management + queue.bulk),
  },
  {
    name: "flying",
    title: "In flight",
    isNumber: true,
    textOf: ({ connections }) => `${connections.inFlight} of ${connections.most}`,
  },
  {
    name: "phase",
    title: "Phase",
    isNumber: false,
    textOf: ({ rate }) => rate.phase,
  },
  {
    name: "circuits",
    title: "Circuits",
    isNumber: false,
    textOf: ({ circuits }) => {
      if (circuits === undefined) return "off";
      const data = circuitText[circuits.data.state] ?? "";
      const management = circuitText[circuits.management.state] ?? "";
      return data === management ? `both ${data}` : `data ${data}, management ${management}`;
    },
  },
  {
    name: "token",
    title: "Token",
    isNumber: false,
    textOf: ({ token }) => {
      if (token === undefined) return "of callers";
      const age = token.ageSeconds === undefined ? "" : `, ${spanText(token.ageSeconds)}`;
      return `${token.phase}${age}`;
    },
  },
  {
    name: "share",
    title: "Share",
    isNumber: false,
    textOf: ({ share }) =>
      share === undefined ? "whole quota" : `${share.kind}, ${share.members} replicas`,
  },
];

/** The columns of callers and failed calls, as texts. */
export const callerColumns: readonly (readonly [
  title: string,
  textOf: (caller: CallerShare) => string,
])[] = [
  ["Caller", ({ name }) => name],
  ["Share", ({ percent }) => `${rounded(percent)} %`],
  ["Requests", ({ requests }) => String(requests)],
  ["Waiting", ({ waiting }) => String(waiting)],
  ["Refused", ({ refused }) => String(refused)],
  ["Failed", ({ failed }) => String(failed)],
];

/** The columns of failed calls, as texts. */
export const failureColumns: readonly (readonly [
  title: string,
  textOf: (call: FailedCall) => string,
])[] = [
  ["Time", ({ at }) => new Date(at).toISOString().slice(11, 23)],
  ["Method", ({ method }) => method],
  ["Status", ({ code }) => code],
  ["Reason", ({ reason }) => reason],
  ["Instance", ({ instance }) => instance],
  ["Attempts", ({ attempts }) => String(attempts)],
  ["Upstream", ({ upstreamStatus }) => (upstreamStatus === null ? "" : String(upstreamStatus))],
  ["Correlation ID", ({ correlationId }) => correlationId],
  ["Caller", ({ caller }) => caller ?? ""],
];

/** The texts of the table of instances: by alias, then by column. */
export const instanceCells = ({
  state,
  summaries,
}: Pick<Latest, "state" | "summaries">): Record<string, Record<string, string>> =>
  Object.fromEntries(
    Object.entries(state.instances).map(([alias, instance]) => {
      const summary = summaries[alias];
      const cells = instanceColumns.map(({ name, textOf }) => [
        name,
        summary === undefined ? "" : textOf(instance, summary),
      ]);
      return [alias, Object.fromEntries(cells)];
    }),
  );

const cell = (text: string, attributes: string): string =>
  `<td${attributes}>${escapeHtml(text)}</td>`;

function instancesHtml({ latest, instance }: PageContent): string {
  return Object.entries(instanceCells(latest))
    .map(([alias, texts]) => {
      const cells = instanceColumns.map(({ name, title, isNumber }) => {
        const kind = isNumber ? ' class="number"' : "";
        return cell(texts[name] ?? "", ` data-cell="${name}" data-title="${title}"${kind}`);
      });
      const current = alias === instance ? ' aria-current="true"' : "";
      const target = `/console?instance=${encodeURIComponent(alias)}`;
      const link = `<a href="${escapeHtml(target)}"${current}>${escapeHtml(alias)}</a>`;
      const word = escapeHtml(texts["word"] ?? "");
      return `<tr data-alias="${escapeHtml(alias)}" data-word="${word}"><th scope="row">${link}</th>${cells.join("")}</tr>`;
    })
    .join("\n");
}

const rowsHtml = <T>(
  values: readonly T[],
  columns: readonly (readonly [title: string, textOf: (value: T) => string])[],
): string =>
  values
    .map(
      (value) =>
        `<tr>${columns.map(([title, textOf]) => cell(textOf(value), ` data-title="${title}"`)).join("")}</tr>`,
    )
    .join("\n");

/** Fills the template: `{{name}}` is replaced by the part of that name. */
export function pageHtml(template: string, content: PageContent): string {
  const { latest, failures, failureCount, certificateSeconds } = content;
  const { state } = latest;
  const parts: Readonly<Record<string, string>> = {
    instances: instancesHtml(content),
    instance: escapeHtml(content.instance),
    callers: rowsHtml(content.callers, callerColumns),
    failures: rowsHtml(failures, failureColumns),
    failureCount: String(failureCount),
    version: escapeHtml(state.version),
    uptime: spanText(state.uptimeSeconds),
    certificate: certificateSeconds === undefined ? "no TLS" : spanText(certificateSeconds),
  };
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? "");
}
