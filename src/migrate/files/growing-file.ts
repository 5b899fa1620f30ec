/**
 * A file that grows in order, and of which the journal says how much counts. After a crash it is
 * cut back to that, so that nothing is in it twice and nothing is torn.
 */
import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { MigrateError, migrateExitCodes, systemCodeOf } from "../migrate-error.ts";
import { fileMode } from "./whole-file.ts";

/** The beginning of a file that counts. */
export interface FileExtent {
  readonly bytes: number;
  readonly sha256: string;
}

/** The extent of an empty file. */
export const emptyExtent: FileExtent = { bytes: 0, sha256: createHash("sha256").digest("hex") };

/** An open growing file. */
export interface GrowingFile extends AsyncDisposable {
  /** Appends a text, which may be written only at the next `sync`. */
  append(text: string): Promise<void>;
  /** Makes everything durable and returns how much there is. */
  sync(): Promise<FileExtent>;
  /** Rejects if the file is not what was written into it. */
  verify(): Promise<void>;
}

const chunkBytes = 65_536;

/** The hash of the first bytes of a file. */
async function hashBeginning(file: FileHandle, bytes: number): Promise<Hash> {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, bytes - at), at);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash;
}

const hexOf = (hash: Hash): string => hash.copy().digest("hex");

/** Passes on errors of a migration, and makes one of any other error. */
async function withPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MigrateError) throw error;
    const text = `${path} cannot be read or written (${systemCodeOf(error)})`;
    throw new MigrateError(migrateExitCodes.io, text, error);
  }
}

function changed(path: string): MigrateError {
  const text = `${path} is not what this migration wrote: something else has changed it`;
  return new MigrateError(migrateExitCodes.data, text);
}

/** Cuts a file back to its extent. A beginning that differs from it is refused. */
async function restore(path: string, file: FileHandle, extent: FileExtent): Promise<Hash> {
  const hash = await hashBeginning(file, extent.bytes);
  if (hexOf(hash) !== extent.sha256) throw changed(path);
  await file.truncate(extent.bytes);
  return hash;
}

/** Opens a file at the extent that the journal has. It is created if that is empty. */
export function openGrowingFile(path: string, extent: FileExtent): Promise<GrowingFile> {
  return withPath(path, async () => {
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
    const file = await open(path, O_RDWR | O_NOFOLLOW | (extent.bytes ? 0 : O_CREAT), fileMode);
    try {
      return growingFile(path, file, await restore(path, file, extent), extent.bytes);
    } catch (error) {
      await file.close();
      throw error;
    }
  });
}

/** Rejects if a complete file is missing or differs from its extent. */
export function verifyExtent(path: string, { bytes, sha256 }: FileExtent): Promise<void> {
  return withPath(path, async () => {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size !== bytes || hexOf(await hashBeginning(file, size)) !== sha256) throw changed(path);
    } finally {
      await file.close();
    }
  });
}

function growingFile(path: string, file: FileHandle, hash: Hash, from: number): GrowingFile {
  let position = from;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const write = async (): Promise<void> => {
    const bytes = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position);
      at += bytesWritten;
      position += bytesWritten;
    }
    hash.update(bytes);
  };
  return {
    append: (text) =>
      withPath(path, async () => {
        const bytes = Buffer.from(text);
        waiting.push(bytes);
        waitingBytes += bytes.length;
        if (waitingBytes >= chunkBytes) await write();
      }),
    sync: () =>
      withPath(path, async () => {
        await write();
        await file.datasync();
        return { bytes: position, sha256: hexOf(hash) };
      }),
    verify: () =>
      withPath(path, async () => {
        const { size } = await file.stat();
        if (hexOf(await hashBeginning(file, size)) !== hexOf(hash)) throw changed(path);
      }),
    [Symbol.asyncDispose]: () => file.close(),
  };
}
