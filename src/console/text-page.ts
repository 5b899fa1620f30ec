/** The page as plain text, for `curl`. */
import {
  callerColumns,
  failureColumns,
  instanceCells,
  instanceColumns,
  type PageContent,
  spanText,
} from "./page.ts";

/** Control characters could move the cursor of a terminal or recolour it. */
const printable = (text: string): string => text.replaceAll(/\p{C}/gu, "?");

/** Aligns rows in columns; the first row is the head. */
function tableText(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map(printable));
  const widths = (safe[0] ?? []).map((_, at) =>
    Math.max(...safe.map((row) => row[at]?.length ?? 0)),
  );
  return safe
    .map((row) => row.map((text, at) => text.padEnd(widths[at] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

const rowsOf = <T>(
  values: readonly T[],
  columns: readonly (readonly [title: string, textOf: (value: T) => string])[],
): string[][] => [
  columns.map(([title]) => title),
  ...values.map((value) => columns.map(([, textOf]) => textOf(value))),
];

/** Renders the page as text. */
export function pageText(content: PageContent): string {
  const { latest, callers, failures, failureCount, instance } = content;
  const { version, uptimeSeconds } = latest.state;
  const head = ["Instance", ...instanceColumns.map(({ title }) => title)];
  const rows = Object.entries(instanceCells(latest)).map(([alias, texts]) => [
    alias,
    ...instanceColumns.map(({ name }) => texts[name] ?? ""),
  ]);
  const parts = [
    `keyprotect-gateway ${version}, up for ${spanText(uptimeSeconds)}\n`,
    tableText([head, ...rows]),
  ];
  if (callers.length > 0) {
    parts.push(`callers of ${instance} in the last minute\n`);
    parts.push(tableText(rowsOf(callers, callerColumns)));
  }
  parts.push(`${failureCount} failed calls since the start\n`);
  if (failures.length > 0) parts.push(tableText(rowsOf(failures.slice(0, 20), failureColumns)));
  return parts.join("\n");
}
