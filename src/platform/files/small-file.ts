/** Reads files that the configuration names, without waiting for a pipe or reading a device. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

/** Limit of the size of a file that the configuration names, in bytes. */
export const maxSmallFileBytes = 1_048_576;

// Without `O_NONBLOCK`, opening a FIFO waits until another process writes to it.
const flags = constants.O_RDONLY | constants.O_NONBLOCK;

/** A file that is not read because of its type or its size. */
class FileRefusedError extends Error {
  override readonly name = "FileRefusedError";
  readonly code: "NOT_A_REGULAR_FILE" | "FILE_TOO_LARGE";

  constructor(code: FileRefusedError["code"]) {
    super(code === "FILE_TOO_LARGE" ? "the file is too large" : "it is not a regular file");
    this.code = code;
  }
}

function checkFacts(facts: { isFile(): boolean; size: number | bigint }, limit: number): void {
  if (!facts.isFile()) throw new FileRefusedError("NOT_A_REGULAR_FILE");
  if (facts.size > limit) throw new FileRefusedError("FILE_TOO_LARGE");
}

/**
 * Reads a regular file of at most `limit` bytes. Throws for anything else. Blocks only for the time
 * of a local read.
 */
export function readSmallFileSync(path: string, limit = maxSmallFileBytes): Buffer {
  const file = openSync(path, flags);
  try {
    checkFacts(fstatSync(file), limit);
    // Bounded by what is read and not by the size alone: files in /proc have the size 0.
    const buffer = Buffer.alloc(limit + 1);
    let length = 0;
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      length += read;
      if (length > limit) throw new FileRefusedError("FILE_TOO_LARGE");
      if (read === 0) return Buffer.from(buffer.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Opens a regular file of at most `limit` bytes for reading. Rejects for anything else. The caller
 * closes it.
 */
export async function openSmallFile(path: string, limit = maxSmallFileBytes): Promise<FileHandle> {
  const file = await open(path, flags);
  try {
    checkFacts(await file.stat(), limit);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** As `readSmallFileSync`, without blocking the event loop. */
export async function readSmallFile(path: string): Promise<Buffer> {
  await using file = await openSmallFile(path);
  return await file.readFile();
}
