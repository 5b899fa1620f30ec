/** Reads a secret from a file that can be replaced while the gateway runs. */
import { stat } from "node:fs/promises";
import { openSmallFile } from "../../platform/files/small-file.ts";
import { Secret } from "../../platform/secret.ts";
import { TokenExchangeError, type TokenExchangeErrorCode } from "../exchange-error.ts";
import { findApiKey, findWord } from "./secret-text.ts";

/** A file with a secret that can be replaced while the gateway runs. */
export interface SecretFile {
  /**
   * Reads the current secret. If there is none, it is the last one that lives until it is replaced
   * (an API key, a client secret). Rejects with a `TokenExchangeError` if there has been none.
   */
  read(): Promise<Secret>;
  /** Whether the file differs from that of the last `read`. `false` if its state cannot be read. */
  hasChanged(): Promise<boolean>;
}

/**
 * Where IBM's SDKs look for the compute-resource token, in this order: Vault's and Kubernetes'
 * projected service account tokens in IKS and ROKS, and Code Engine's.
 */
export const defaultCrTokenFiles: readonly string[] = [
  "/var/run/secrets/tokens/vault-token",
  "/var/run/secrets/tokens/sa-token",
  "/var/run/secrets/codeengine.cloud.ibm.com/compute-resource-token/token",
];

/** A kind of secret in a file. */
interface SecretKind {
  readonly name: string;
  readonly find: (text: string) => string | undefined;
  /** Code of the error if there is no secret. */
  readonly code: TokenExchangeErrorCode;
  /** Whether a secret stays good although its file has gone or is half written. */
  readonly isLasting: boolean;
}

/** Limit of the file size. An API key with JSON has a few hundred bytes, a token a few KiB. */
const maxFileBytes = 65_536;

/**
 * The kubelet removes the old folder of a projected volume just after it has changed the symbolic
 * link. A path that was resolved in between leads nowhere, but not when it is resolved again.
 */
const maxLookUps = 3;

/**
 * Creates a reader of an API key file. The file contains the key alone, with or without blanks
 * around it, or the JSON that `ibmcloud iam api-key-create --file` writes.
 */
export const createApiKeyFile = (path: string): SecretFile =>
  createSecretFile([path], {
    name: "API key",
    find: findApiKey,
    code: "API_KEY_UNREADABLE",
    isLasting: true,
  });

/** Creates a reader of a compute-resource token. The first of the files that can be read counts. */
export const createCrTokenFile = (paths: readonly string[] = defaultCrTokenFiles): SecretFile =>
  createSecretFile(paths, {
    name: "compute-resource token",
    find: findWord,
    code: "CR_TOKEN_UNREADABLE",
    isLasting: false,
  });

/** Creates a reader of a client secret. */
export const createClientSecretFile = (path: string): SecretFile =>
  createSecretFile([path], {
    name: "client secret",
    find: findWord,
    code: "CLIENT_SECRET_UNREADABLE",
    isLasting: true,
  });

function createSecretFile(paths: readonly string[], kind: SecretKind): SecretFile {
  let lastRead: readonly (string | undefined)[] = [];
  let lasting: Secret | undefined;

  async function readNow(): Promise<Secret> {
    const text = await readFirst(paths, kind);
    const secret = kind.find(text);
    if (secret !== undefined) return new Secret(secret);
    throw new TokenExchangeError(kind.code, `the ${kind.name} file contains no ${kind.name}`);
  }

  return {
    async read() {
      // Before the file is opened: if it is replaced in between, `hasChanged` says so once more
      // than needed, and never once less.
      lastRead = await Promise.all(paths.map(stampOf));
      try {
        const secret = await readNow();
        if (kind.isLasting) lasting = secret;
        return secret;
      } catch (error) {
        // The log says that the file is not usable when the configuration is read again.
        if (lasting === undefined) throw error;
        return lasting;
      }
    },
    async hasChanged() {
      const stamps = await Promise.all(paths.map(stampOf));
      return stamps.some((stamp, at) => stamp !== undefined && stamp !== lastRead[at]);
    },
  };
}

/**
 * Identifies one state of a file; `undefined` if it cannot be read. A mounted secret is replaced
 * through a symbolic link, which changes the inode.
 */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch {
    return undefined;
  }
}

async function readFirst(paths: readonly string[], { name, code }: SecretKind): Promise<string> {
  let cause: unknown;
  for (let lookUps = 0; lookUps < maxLookUps; lookUps++) {
    for (const path of paths) {
      try {
        await using file = await openSmallFile(path, maxFileBytes);
        return await file.readFile("utf8");
      } catch (error) {
        cause = error;
      }
    }
  }
  throw new TokenExchangeError(code, `the ${name} file cannot be read`, { cause });
}
