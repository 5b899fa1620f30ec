import { open, stat } from "node:fs/promises";
import { z } from "zod";
import { Secret } from "../platform/secret.ts";
import { TokenExchangeError } from "./token-exchange-error.ts";

/** An API key that may be replaced while the gateway runs. */
export interface ApiKeyFile {
  /** Reads the key as it is now. Rejects with an `TokenExchangeError` (`API_KEY_UNREADABLE`). */
  read(): Promise<Secret>;
  /** Whether the file is another one than at the last `read`. A file that cannot be looked at has not changed. */
  hasChanged(): Promise<boolean>;
}

/** An API key has 44 characters, the JSON around it some hundred. */
const maxFileBytes = 65_536;

const keyFile = z.object({ apikey: z.string().min(1) });

/**
 * Reads an API key from a file that holds it alone, with or without a newline behind, or in the JSON that
 * `ibmcloud iam api-key-create --file` writes.
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

/** Tells one state of a file from another. A mounted secret is swapped by a symbolic link: then the inode differs. */
const stampOf = ({ dev, ino, size, mtimeNs }: FileFacts): string =>
  `${dev}:${ino}:${size}:${mtimeNs}`;

async function readFile(path: string): Promise<{ text: string; stamp: string }> {
  try {
    // Looking and reading through one descriptor: a swap in between cannot give one file the stamp of another.
    await using file = await open(path, "r");
    const facts = await file.stat({ bigint: true });
    if (facts.size > maxFileBytes) throw new Error("too large for a key file");
    return { text: await file.readFile("utf8"), stamp: stampOf(facts) };
  } catch (error) {
    throw new TokenExchangeError("API_KEY_UNREADABLE", "the API key file cannot be read", {
      cause: error,
    });
  }
}

function parseKey(text: string): string {
  const key = text.trimStart().startsWith("{") ? keyOfJson(text) : text.replace(/\r?\n$/, "");
  if (key !== undefined && key !== "" && !/[\s\p{Cc}]/u.test(key)) return key;
  throw new TokenExchangeError("API_KEY_UNREADABLE", "the API key file holds no API key");
}

function keyOfJson(text: string): string | undefined {
  try {
    return keyFile.safeParse(JSON.parse(text)).data?.apikey;
  } catch {
    return undefined;
  }
}
