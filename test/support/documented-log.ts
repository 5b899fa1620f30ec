/** The messages and fields of the log, as docs/logging.md lists them. */
import { readText, tableRows } from "../docs/documents.ts";

const codesIn = (cell: string): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

/** The documented fields by message, without those of every line. */
export function readDocumentedLog(): ReadonlyMap<string, readonly string[]> {
  const page = readText("docs/logging.md");
  const callFields = tableRows(page, "Field of a call").map(([field = ""]) => codesIn(field)[0]);
  return new Map<string, readonly string[]>([
    ["call", callFields.filter((field) => field !== undefined)],
    ...tableRows(page, "Message").map(
      ([message = "", , fields = ""]) => [codesIn(message)[0] ?? "", codesIn(fields)] as const,
    ),
  ]);
}

const ofEveryLine = new Set(["level", "time", "msg"]);

/** Messages and fields of log lines that the page does not list. */
export function undocumentedIn(lines: readonly Readonly<Record<string, unknown>>[]): string[] {
  const documented = readDocumentedLog();
  const found = lines.flatMap((line) => {
    const message = String(line["msg"]);
    // Messages about Redis are followed by its reason in brackets.
    const fields = documented.get(message) ?? documented.get(message.replace(/ \(\w+\)$/, ""));
    if (fields === undefined) return [`the message "${message}"`];
    return Object.keys(line)
      .filter((field) => !ofEveryLine.has(field) && !fields.includes(field))
      .map((field) => `the field ${field} of "${message}"`);
  });
  return [...new Set(found)];
}
