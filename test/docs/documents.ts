/** Reads the repository's Markdown files, their code blocks, tables and links. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..", "..");

export const readText = (path: string): string => readFileSync(join(root, path), "utf8");

const foreign: ReadonlySet<string> = new Set(["node_modules", ".git", "dist", "coverage", "venv"]);

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !foreign.has(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : [path];
    });
}

/** Every Markdown file of the repository. */
export const markdownFiles: readonly string[] = filesBelow("").filter((path) =>
  path.endsWith(".md"),
);

/** The guides, and the pages for operators: what they name has to exist. */
export const guideFiles: readonly string[] = markdownFiles.filter(
  (path) => path.startsWith("docs/guides/") || path === "docs/runbook.md",
);

/** A fenced code block. */
export interface Fence {
  /** The text after the opening backticks, such as `sh test`. */
  readonly label: string;
  readonly body: string;
}

/** The fenced blocks of a text, in order. */
export const fencesOf = (text: string): Fence[] =>
  [...text.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].map(([, label = "", body = ""]) => ({
    label,
    body,
  }));

export const withoutFences = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, "");

/** The pieces of code within the text, such as names and messages, on one line each. */
export const codesIn = (text: string): string[] =>
  [...withoutFences(text).matchAll(/`([^`]+)`/g)].map(([, code = ""]) =>
    code.replaceAll("\n", " "),
  );

/** The headings of a level, in order. */
export const headingsOf = (text: string, level: number): string[] =>
  [...withoutFences(text).matchAll(/^(#+) (.+)$/gm)].flatMap(([, marks = "", heading = ""]) =>
    marks.length === level ? [heading] : [],
  );

/** The text between a heading and the next one of the same or a higher level. Throws if absent. */
export function sectionOf(text: string, heading: string): string {
  const lines = text.split("\n");
  const start = lines.findIndex(
    (line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading,
  );
  if (start < 0) throw new Error(`there is no section ${heading}`);
  const level = (lines[start] ?? "").indexOf(" ");
  let isCode = false;
  const end = lines.findIndex((line, at) => {
    if (line.startsWith("```")) isCode = !isCode;
    if (at <= start || isCode) return false;
    const marks = /^#+(?= )/.exec(line)?.[0].length ?? Infinity;
    return marks <= level;
  });
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}

const cellsOf = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The cells of each row of all tables whose first column has this head. */
export const rowsOfTables = (text: string, firstHead: string): string[][] =>
  [...text.matchAll(new RegExp(`^\\| ${firstHead} \\|.*\n.*\n((?:\\|.*\n)*)`, "gm"))].flatMap(
    ([, rows = ""]) => rows.trimEnd().split("\n").map(cellsOf),
  );

/** The cells of each row of the table whose first column has this head. Throws if there is none. */
export function tableRows(text: string, firstHead: string): string[][] {
  const lines = text.split("\n");
  const head = lines.findIndex((line) => line.startsWith(`| ${firstHead} |`));
  const end = lines.findIndex((line, at) => at > head && !line.startsWith("|"));
  if (head < 0) throw new Error(`there is no table that begins with ${firstHead}`);
  return lines.slice(head + 2, end).map(cellsOf);
}

/** Names of statuses in a text, each once. */
export const statusesIn = (text: string): string[] => [
  ...new Set(
    text.match(
      /\b(?:CANCELLED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|RESOURCE_EXHAUSTED|FAILED_PRECONDITION|ABORTED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|UNAUTHENTICATED)\b/g,
    ) ?? [],
  ),
];
