/** The contents of several files at one moment, and whether they have changed since. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { readSmallFile } from "./small-file.ts";

/** Files as they were at one moment. It keeps no content, only what tells two contents apart. */
export interface FileSnapshot {
  /** A text per path that changes when the file is written or replaced, or comes or goes. */
  readonly stamps: ReadonlyMap<string, string>;
  /** A digest per path; of a file that cannot be read, that of nothing. For comparison only. */
  readonly digests: ReadonlyMap<string, string>;
}

/** The result of `readTogether`. */
export interface ReadTogether<T> {
  readonly value: T;
  /** Every file that was asked for, whether it could be read or not. */
  readonly files: FileSnapshot;
}

/** One file: its text, or the error of reading it. */
type ReadFile = { readonly text: string } | { readonly error: unknown };

/** Stands for a file that is read before the next run; the run that meets it is dropped. */
class NotReadYetError extends Error {
  override readonly name = "NotReadYetError";
}

/** How often files are read again that change while they are read. */
const maxRounds = 3;

/**
 * The kubelet removes the old folder of a projected volume just after it has changed the symbolic
 * link. A path that was resolved in between leads nowhere, but not when it is resolved again.
 */
const maxLookUps = 3;

/**
 * Runs `use` with all files that it asks for, read without blocking the event loop, in one
 * consistent state: if one changes meanwhile, all are read again. `use` is run repeatedly, until it
 * asks for no file that has not been read; so it must have no effects.
 */
export async function readTogether<T>(
  use: (readFile: (path: string) => string) => T,
): Promise<ReadTogether<T>> {
  for (let round = 1; ; round += 1) {
    const known = new Map<string, ReadFile>();
    const stamps = new Map<string, string>();
    const value = await runWithFiles(use, known, stamps);
    const after = await stampsOf(stamps.keys());
    if (round < maxRounds && !areSameStamps(stamps, after)) continue;
    const digests = new Map([...known].map(([path, file]) => [path, digestOf(file)]));
    return { value, files: { stamps, digests } };
  }
}

async function runWithFiles<T>(
  use: (readFile: (path: string) => string) => T,
  known: Map<string, ReadFile>,
  stamps: Map<string, string>,
): Promise<T> {
  for (;;) {
    const wanted = new Set<string>();
    const readFile = (path: string): string => {
      const file = known.get(path);
      if (file === undefined) {
        wanted.add(path);
        throw new NotReadYetError("the file is read before the next run");
      }
      if ("error" in file) throw file.error;
      return file.text;
    };
    try {
      const value = use(readFile);
      if (wanted.size === 0) return value;
    } catch (error) {
      // A run that misses a file is repeated, whatever it makes of that.
      if (wanted.size === 0) throw error;
    }
    for (const path of wanted) {
      // Before the file is read: if it is replaced in between, that is noticed afterwards.
      stamps.set(path, await stampOf(path));
      known.set(path, await readOne(path));
    }
  }
}

async function readOne(path: string): Promise<ReadFile> {
  let failure: unknown;
  for (let lookUps = 0; lookUps < maxLookUps; lookUps += 1) {
    try {
      return { text: (await readSmallFile(path)).toString() };
    } catch (error) {
      failure = error;
    }
  }
  return { error: failure };
}

const digestOf = (file: ReadFile): string =>
  "error" in file ? "" : createHash("sha256").update(file.text).digest("base64");

/** Returns the present stamp of each path. One file at a time: a hung one blocks one thread. */
export async function stampsOf(paths: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  const stamps = new Map<string, string>();
  for (const path of paths) stamps.set(path, await stampOf(path));
  return stamps;
}

/** Whether the first stamps, by path, are equal to the second. */
export const areSameStamps = (
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): boolean => a.size === b.size && [...a].every(([path, stamp]) => b.get(path) === stamp);

/** A mounted file is replaced through a symbolic link, which `stat` follows. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(":");
  } catch {
    return "absent";
  }
}
