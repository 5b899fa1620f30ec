/** The files of a migration as one: output, failures, and the journal that keeps them together. */
import { lstat, unlink } from "node:fs/promises";
import { MigrateError, migrateExitCodes, systemCodeOf } from "../migrate-error.ts";
import { openGrowingFile, verifyExtent, type FileExtent } from "./growing-file.ts";
import { openJournal, readJournal, type Checkpoint, type JournalHeader } from "./journal.ts";
import { cannotCreate, publishFile, syncFolder } from "./whole-file.ts";
import { AsyncDisposables } from "../../platform/disposable-stack.ts";

/** Paths of the files when they are complete. */
export interface MigrationPaths {
  readonly output: string;
  readonly failures: string;
  readonly journal: string;
}

/** Open files. */
export interface MigrationFiles extends AsyncDisposable {
  /** The state from which the migration goes on. */
  readonly start: Checkpoint;
  /** Appends the line of one migrated or failed item. */
  append(file: "output" | "failures", text: string): Promise<void>;
  /** Makes everything durable that was appended. */
  checkpoint(state: Pick<Checkpoint, "done" | "failed">): Promise<void>;
  /** Gives the files their final names. */
  complete(state: Pick<Checkpoint, "done" | "failed">): Promise<void>;
}

/** Name of a file while it grows. */
const partOf = (path: string): string => `${path}.partial`;

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).ino;
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    const text = `${path} cannot be used (${systemCodeOf(error)})`;
    throw new MigrateError(migrateExitCodes.cannotCreate, text, error);
  }
}

async function refuseExisting(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if ((await inodeOf(path)) !== undefined) {
      throw cannotCreate(path, Object.assign(new Error("exists"), { code: "EEXIST" }));
    }
  }
}

/**
 * Gives one complete file its name. Repeating this is harmless: a crash may have come between any
 * two steps.
 */
async function publish(path: string, extent: FileExtent): Promise<void> {
  const part = partOf(path);
  const [partInode, inode] = [await inodeOf(part), await inodeOf(path)];
  if (partInode === undefined) {
    await verifyExtent(path, extent);
  } else if (partInode === inode) {
    await unlink(part);
    await syncFolder(path);
  } else {
    await publishFile(part, path);
  }
}

async function publishAll(paths: MigrationPaths, { output, failures }: Checkpoint): Promise<void> {
  await publish(paths.output, output);
  if (failures.bytes > 0) await publish(paths.failures, failures);
  else if ((await inodeOf(partOf(paths.failures))) !== undefined) {
    await unlink(partOf(paths.failures));
  }
}

/**
 * Opens the files of a new migration, or of one that an earlier run began. If an earlier run
 * completed it, only its last state is returned, and nothing is left to do.
 */
export async function openMigrationFiles(
  paths: MigrationPaths,
  header: JournalHeader,
): Promise<MigrationFiles | Checkpoint> {
  const found = await readJournal(paths.journal, header);
  if (found?.last.isComplete === true) {
    await publishAll(paths, found.last);
    return found.last;
  }
  const parts = found === undefined ? [partOf(paths.output), partOf(paths.failures)] : [];
  await refuseExisting([paths.output, paths.failures, ...parts]);
  await using opened = new AsyncDisposables();
  const journal = opened.add(await openJournal(paths.journal, header, found));
  const start = journal.last;
  const files = {
    output: opened.add(await openGrowingFile(partOf(paths.output), start.output)),
    failures: opened.add(await openGrowingFile(partOf(paths.failures), start.failures)),
  };
  await syncFolder(paths.output);
  const record = async (
    state: Pick<Checkpoint, "done" | "failed">,
    isComplete: boolean,
  ): Promise<Checkpoint> => {
    const [output, failures] = [await files.output.sync(), await files.failures.sync()];
    const checkpoint = { ...state, output, failures, isComplete };
    await journal.record(checkpoint);
    return checkpoint;
  };
  const disposables = opened.move();
  return {
    start,
    append: (file, text) => files[file].append(text),
    checkpoint: async (state) => void (await record(state, false)),
    async complete(state) {
      await record(state, false);
      await files.output.verify();
      await files.failures.verify();
      await publishAll(paths, await record(state, true));
    },
    [Symbol.asyncDispose]: () => disposables[Symbol.asyncDispose](),
  };
}
