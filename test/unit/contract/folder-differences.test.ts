import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { folderDifferences } from "../../../scripts/folder-differences.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "folder-differences-"));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function folder(name: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(join(root, name));
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return join(root, name);
}

test("folders with the same files do not differ", () => {
  const files = { "a.ts": "a", "deep/down/b.ts": "b" };
  expect(folderDifferences(folder("present", files), folder("wanted", files))).toEqual([]);
});

test("missing, surplus and outdated files are distinguished, also in subfolders", () => {
  const present = folder("present", { "same.ts": "s", "deep/old.ts": "x", "deep/changed.ts": "1" });
  const wanted = folder("wanted", { "same.ts": "s", "deep/new.ts": "x", "deep/changed.ts": "2" });
  expect(folderDifferences(present, wanted)).toEqual([
    { path: "deep/changed.ts", problem: "outdated" },
    { path: "deep/new.ts", problem: "missing" },
    { path: "deep/old.ts", problem: "surplus" },
  ]);
});

test("an empty folder lacks every wanted file", () => {
  const wanted = folder("wanted", { "a.ts": "a" });
  expect(folderDifferences(folder("present", {}), wanted)).toEqual([
    { path: "a.ts", problem: "missing" },
  ]);
});
