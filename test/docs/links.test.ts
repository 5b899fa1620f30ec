import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { anchorOf } from "../../scripts/docs/markdown.ts";
import { markdownFiles, root, withoutFences } from "./documents.ts";

const anchorsOf = (path: string): string[] =>
  [...withoutFences(readFileSync(path, "utf8")).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    anchorOf(heading),
  );

const linksOf = (text: string): string[] =>
  [...withoutFences(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);

test.each(markdownFiles)("every link of %s into the repository has a target", (file) => {
  const text = readFileSync(join(root, file), "utf8");
  const broken = linksOf(text)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = "", anchor] = target.split("#", 2);
      const full = path === "" ? join(root, file) : normalize(join(root, dirname(file), path));
      if (!full.startsWith(root) || !existsSync(full)) return true;
      return anchor !== undefined && !anchorsOf(full).includes(anchor);
    });
  expect(broken).toEqual([]);
});

test("the README has more than 20 links", () => {
  expect(linksOf(readFileSync(join(root, "README.md"), "utf8")).length).toBeGreaterThan(20);
});
