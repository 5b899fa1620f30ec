/** Parts of Markdown documents. */

/** Lines of text have at most this many characters. Tables and code may have more. */
const columns = 100;

/** Code with a bar, for a cell. A reader would copy the backslash of an escaped bar. */
const barAsEntity = (text: string): string =>
  `<code>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("|", "&#124;")}</code>`;

const escaped = (cell: string): string =>
  cell
    .replaceAll(/`([^`]*\|[^`]*)`/g, (_, text: string) => barAsEntity(text))
    .replaceAll("|", "\\|");

const row = (cells: readonly string[]): string => `| ${cells.map(escaped).join(" | ")} |\n`;

/** A table. Its cells are one line each. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map(row).join("");

/** A text as code. */
export const code = (text: string): string => `\`${text}\``;

/** The anchor that GitHub makes of a heading. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");

/** Pieces that would begin a heading, a list or a quotation at the start of a line. */
const opensBlock = /^(?:[-+*>]|#+|\d+[.)])$/;

/** Breaks a paragraph into lines. Code and links are not broken. */
export function wrapped(paragraph: string): string {
  const pieces = paragraph.match(/(?:`[^`]*`|\S)+/g) ?? [];
  const lines: string[] = [];
  for (const piece of pieces) {
    const line = lines.at(-1);
    if (line === undefined) lines.push(piece);
    else if (line.length + 1 + piece.length <= columns || opensBlock.test(piece)) {
      lines[lines.length - 1] = `${line} ${piece}`;
    } else lines.push(piece);
  }
  return lines.join("\n");
}
