import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";

/** One file that a folder has too little, too much or with other content. */
export interface Difference {
  /** Relative to the folder. */
  readonly path: string;
  readonly problem: "missing" | "surplus" | "outdated";
}

const filesBelow = (folder: string): ReadonlySet<string> =>
  new Set(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name))),
  );

/** What has to be done to `folder` to make it the same as `wanted`, ordered by path. Empty folders do not count. */
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
