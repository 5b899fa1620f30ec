/** Compares two folders file by file. */
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

/** A file that is missing in a folder, surplus, or different. */
export interface Difference {
  /** Path relative to the folder. */
  readonly path: string;
  readonly problem: "missing" | "surplus" | "outdated";
}

const filesBelow = (folder: string): ReadonlySet<string> =>
  new Set(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name))),
  );

/** Returns the differences of `folder` from `wanted`, ordered by path. Ignores empty folders. */
export function folderDifferences(folder: string, wanted: string): Difference[] {
  const present = filesBelow(folder);
  const expected = filesBelow(wanted);
  return [...new Set([...present, ...expected])].toSorted().flatMap((path): Difference[] => {
    if (!present.has(path)) return [{ path, problem: "missing" }];
    if (!expected.has(path)) return [{ path, problem: "surplus" }];
    const isSame = readFileSync(join(folder, path)).equals(readFileSync(join(wanted, path)));
    return isSame ? [] : [{ path, problem: "outdated" }];
  });
}
