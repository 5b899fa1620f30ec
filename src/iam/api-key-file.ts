/** Reads the API key from a file that can be replaced while the gateway runs. */
import { stat } from "node:fs/promises";
import { openSmallFile } from "../platform/files/small-file.ts";
import { Secret } from "../platform/secret.ts";
import { findApiKey } from "./api-key-text.ts";
import { TokenExchangeError } from "./exchange-error.ts";

/** A file with an API key that can be replaced while the gateway runs. */
export interface ApiKeyFile {
  /** Reads the current key. Rejects with a `TokenExchangeError` (`API_KEY_UNREADABLE`). */
  read(): Promise<Secret>;
  /** Whether the file differs from that of the last `read`. `false` if its state cannot be read. */
  hasChanged(): Promise<boolean>;
}

/** Limit of the file size. An API key has 44 characters, the JSON around it a few hundred. */
const maxFileBytes = 65_536;

/**
 * Creates a reader of an API key file. The file contains the key alone, with or without blanks
 * around it, or the JSON that `ibmcloud iam api-key-create --file` writes.
 */
export function createApiKeyFile(path: string): ApiKeyFile {
  let lastRead: string | undefined;
  return {
    async read() {
      const { text, stamp } = await readFile(path);
      lastRead = stamp;
      return new Secret(parseKey(text));
    },
    async hasChanged() {
      try {
        return stampOf(await stat(path, { bigint: true })) !== lastRead;
      } catch {
        return false;
      }
    },
  };
}

interface FileFacts {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

/**
 * Identifies one state of a file. A mounted secret is replaced through a symbolic link, which
 * changes the inode.
 */
const stampOf = ({ dev, ino, size, mtimeNs }: FileFacts): string =>
  `${dev}:${ino}:${size}:${mtimeNs}`;

async function readFile(path: string): Promise<{ text: string; stamp: string }> {
  try {
    // `stat` and read use one descriptor, so that a swap in between cannot pair the content of one
    // file with the stamp of another.
    await using file = await openSmallFile(path, maxFileBytes);
    const facts = await file.stat({ bigint: true });
    return { text: await file.readFile("utf8"), stamp: stampOf(facts) };
  } catch (error) {
    throw new TokenExchangeError("API_KEY_UNREADABLE", "the API key file cannot be read", {
      cause: error,
    });
  }
}

function parseKey(text: string): string {
  const key = findApiKey(text);
  if (key !== undefined) return key;
  throw new TokenExchangeError("API_KEY_UNREADABLE", "the API key file contains no API key");
}
