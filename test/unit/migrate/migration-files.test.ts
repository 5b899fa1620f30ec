import {
  appendFile,
  link,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Checkpoint, JournalHeader } from "../../../src/migrate/files/journal.ts";
import {
  openMigrationFiles,
  type MigrationFiles,
  type MigrationPaths,
} from "../../../src/migrate/files/migration-files.ts";

let folder: string;
let paths: MigrationPaths;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "files-"));
  paths = pathsIn(folder);
});
afterEach(() => rm(folder, { recursive: true }));

const pathsIn = (parent: string): MigrationPaths => ({
  output: join(parent, "out"),
  failures: join(parent, "bad"),
  journal: join(parent, "journal"),
});

const header: JournalHeader = {
  format: "keyprotect-gateway-migration/1",
  input: { lines: 40, sha256: "b".repeat(64) },
  options: {},
};

async function openUnfinished(at: MigrationPaths = paths): Promise<MigrationFiles> {
  const files = await openMigrationFiles(at, header);
  if ("append" in files) return files;
  throw new Error("the migration is complete");
}

/** Lines with a number that is divisible by five have failed. */
const fileOf = (line: number): "output" | "failures" => (line % 5 === 0 ? "failures" : "output");
const textOf = (line: number): string => `{"id":"${line}${"é".repeat(line)}"}\n`;
const expected = (file: "output" | "failures", lines: number): string =>
  Array.from({ length: lines }, (_, at) => at + 1)
    .filter((line) => fileOf(line) === file)
    .map(textOf)
    .join("");

async function writeLines(files: MigrationFiles, from: number, to: number): Promise<void> {
  for (let line = from; line <= to; line += 1) await files.append(fileOf(line), textOf(line));
}

test("after crashes at any point and with torn files, each line is there once and in order", async () => {
  const crash = fc.record({
    // Lines until a checkpoint, then lines that no checkpoint covers.
    kept: fc.nat(12),
    lost: fc.nat(12),
    tornOutput: fc.uint8Array({ maxLength: 40 }),
    tornFailures: fc.uint8Array({ maxLength: 40 }),
    tornJournal: fc.constantFrom("", "0123456789abcdef", '0123456789abcdef {"done":9}', "\0\0\n"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(crash, { maxLength: 5 }), async (crashes) => {
      const own = await mkdtemp(join(folder, "run-"));
      const at = pathsIn(own);
      for (const { kept, lost, ...torn } of crashes) {
        await using files = await openUnfinished(at);
        const { done } = files.start;
        const until = Math.min(40, done + kept);
        await writeLines(files, done + 1, until);
        await files.checkpoint({ done: until, failed: {} });
        await writeLines(files, until + 1, Math.min(40, until + lost));
        await appendFile(`${at.output}.partial`, torn.tornOutput);
        await appendFile(`${at.failures}.partial`, torn.tornFailures);
        await appendFile(at.journal, torn.tornJournal);
      }
      await using files = await openUnfinished(at);
      await writeLines(files, files.start.done + 1, 40);
      await files.complete({ done: 40, failed: {} });
      expect(await readFile(at.output, "utf8")).toBe(expected("output", 40));
      expect(await readFile(at.failures, "utf8")).toBe(expected("failures", 40));
      expect((await readdir(own)).toSorted()).toEqual(["bad", "journal", "out"]);
    }),
    { numRuns: 40 },
  );
});

async function completed(lines: number): Promise<void> {
  await using files = await openUnfinished();
  await writeLines(files, 1, lines);
  await files.complete({ done: lines, failed: {} });
}

test.each<[string, () => Promise<void>]>([
  ["no file had its name", () => rename(paths.output, `${paths.output}.partial`)],
  ["the output had both names", () => link(paths.output, `${paths.output}.partial`)],
  ["the file of failures had none", () => rename(paths.failures, `${paths.failures}.partial`)],
])("a crash at the end, after which %s, is mended by the next run", async (_, undo) => {
  await completed(12);
  await undo();
  const state = await openMigrationFiles(paths, header);
  expect(state).toMatchObject({ done: 12, isComplete: true } satisfies Partial<Checkpoint>);
  expect(await readFile(paths.output, "utf8")).toBe(expected("output", 12));
  expect(await readFile(paths.failures, "utf8")).toBe(expected("failures", 12));
  expect((await readdir(folder)).toSorted()).toEqual(["bad", "journal", "out"]);
});

test("an output that is gone or differs after the end is reported, and nothing is made anew", async () => {
  await completed(3);
  await appendFile(paths.output, "more\n");
  await expect(openMigrationFiles(paths, header)).rejects.toThrow(
    "is not what this migration wrote",
  );
  await rm(paths.output);
  await expect(openMigrationFiles(paths, header)).rejects.toThrow("(ENOENT)");
});

test("without a failure there is no file of failures", async () => {
  await completed(4);
  expect((await readdir(folder)).toSorted()).toEqual(["journal", "out"]);
});

test("a file that something else appends to while it grows does not become an output", async () => {
  await using files = await openUnfinished();
  await writeLines(files, 1, 4);
  await files.checkpoint({ done: 4, failed: {} });
  await appendFile(`${paths.output}.partial`, "a line of another process\n");
  const end = files.complete({ done: 4, failed: {} });
  await expect(end).rejects.toThrow("is not what this migration wrote");
  await expect(stat(paths.output)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a part that a symbolic link has replaced is not followed", async () => {
  {
    await using files = await openUnfinished();
    await files.checkpoint({ done: 0, failed: {} });
  }
  const precious = join(folder, "precious");
  await writeFile(precious, "precious");
  await rm(`${paths.output}.partial`);
  await symlink(precious, `${paths.output}.partial`);
  await expect(openMigrationFiles(paths, header)).rejects.toThrow("(ELOOP)");
  expect(await readFile(precious, "utf8")).toBe("precious");
});
