/** Documents name files and folders of the repository in backticks; each of them must exist. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readText, root, withoutFences } from "./documents.ts";

const rooms = new Set(
  readdirSync(join(root, "src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name),
);
const topFolders: ReadonlySet<string> = new Set(["src", "test", "docs", "scripts", "proto"]);

/** Paths in backticks that are meant from the root, or from `src/` if they begin with a room. */
const pathsIn = (text: string): string[] =>
  [...withoutFences(text).matchAll(/`([\w-]+\/[\w./-]*)`/g)].flatMap(([, path = ""]) => {
    const [first = ""] = path.split("/");
    if (topFolders.has(first)) return [path];
    return rooms.has(first) ? [join("src", path)] : [];
  });

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...["docs", "docs/decisions", "docs/guides"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith(".md"))
      .map((file) => `${folder}/${file}`),
  ),
];

test.each(documents)("every path that %s names in backticks exists", (file) => {
  expect(pathsIn(readText(file)).filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("the glossary and CONTRIBUTING name more than 20 paths each", () => {
  for (const file of ["docs/glossary.md", "CONTRIBUTING.md"]) {
    expect(pathsIn(readText(file)).length, file).toBeGreaterThan(20);
  }
});
