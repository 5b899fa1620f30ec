/** Creates files that are there completely or not at all, and never replace another one. */
import { link, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { MigrateError, migrateExitCodes, systemCodeOf } from "../migrate-error.ts";

/** Owner only: the files name keys and hold ciphertexts. */
export const fileMode = 0o600;

/** Makes the entries of the folder of `path` durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The error for a file that cannot be created. */
export function cannotCreate(path: string, error: unknown): MigrateError {
  const code = systemCodeOf(error);
  const text =
    code === "EEXIST"
      ? `${path} exists already; nothing is overwritten`
      : `${path} cannot be created (${code})`;
  return new MigrateError(migrateExitCodes.cannotCreate, text, error);
}

/**
 * Gives a complete file its final name. Fails if the name is taken. A link and not a renaming,
 * because a renaming replaces what is there.
 */
export async function publishFile(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
    await unlink(from);
    await syncFolder(to);
  } catch (error) {
    throw cannotCreate(to, error);
  }
}

/** Creates a file with this text. */
export async function createWholeFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const file = await open(temporary, "w", fileMode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw cannotCreate(temporary, error);
  }
  await publishFile(temporary, path);
}
