/** Long paragraph lines make diffs and the source of a document hard to read. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readText, root, withoutFences } from "./documents.ts";

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...["docs", "docs/decisions", "docs/guides"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith(".md"))
      .map((file) => `${folder}/${file}`),
  ),
];

/** Rows of tables and lines that are one piece of code cannot be wrapped. */
const canBeWrapped = (line: string): boolean => !/^\||^`[^`]+`$/.test(line);

test.each(documents)(
  "no line of %s outside tables and code has more than 100 characters",
  (file) => {
    const lines = withoutFences(readText(file)).split("\n").filter(canBeWrapped);
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
  },
);
