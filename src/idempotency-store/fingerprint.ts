/** Digests of requests: what the stores have in common, and the identity that processes share. */
import { createHash, createHmac, scrypt, type Hash, type Hmac } from "node:crypto";
import { StoreError } from "./store-error.ts";
import type { RequestIdentity, RequestParts } from "./store.ts";

/** Parameters of scrypt. One run takes 16 MiB and tens of milliseconds. */
const scryptCost = { N: 2 ** 14, r: 8, p: 1 } as const;

const stretch = (password: Buffer, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, 32, scryptCost, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });

/** Runs work while no other work of the same mutex runs, in the order of the calls. */
export type RunExclusive = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Creates a mutex. scrypt runs behind one because it occupies the threads that also resolve host
 * names for every call of the process.
 */
export function createMutex(): RunExclusive {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}

/** Feeds each part to the digest behind its length: other splits of the same bytes differ. */
export function updateLengthPrefixed(
  digest: Hash | Hmac,
  parts: readonly (string | Uint8Array)[],
): void {
  for (const part of parts) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(typeof part === "string" ? Buffer.byteLength(part) : part.length);
    digest.update(length).update(part);
  }
}

/**
 * Computes an identity that is the same in every process. The processes share no secret, and a
 * reader of the store learns nothing from it.
 *
 * The request ID serves as the secret: it has 122 random bits, and no record contains it. The name
 * is a digest of the scope, which includes the ID. The key of the fingerprint is another digest of
 * the scope. A reader who has the ID from elsewhere, such as a caller's log, can test guesses of
 * weak key material; each guess costs a run of scrypt. A call that ends while it waits for the
 * mutex rejects with `ENDED` and does not run scrypt, so that a flood of short calls delays no
 * other call.
 */
export async function identifyShared(
  { scope, fields, material }: RequestParts,
  runExclusive: RunExclusive,
  call?: { readonly aborted: boolean },
): Promise<RequestIdentity> {
  const digestFor = (purpose: string): Buffer => {
    const hash = createHash("sha256");
    // The text is part of the names of records in Redis: a change makes gateways forget requests.
    updateLengthPrefixed(hash, [`keyprotect-gateway request record 1: ${purpose}`, ...scope]);
    return hash.digest();
  };
  const name = digestFor("name").toString("base64url");
  const key = digestFor("fingerprint");
  const hmac = createHmac("sha256", key);
  updateLengthPrefixed(hmac, [...fields, material ?? ""]);
  const digest = hmac.digest();
  if (material === undefined) return { name, fingerprint: digest.toString("base64url") };
  try {
    const stretched = await runExclusive(() => {
      if (call?.aborted === true) throw new StoreError("ENDED", "the call ended while it waited");
      return stretch(digest, key);
    });
    return { name, fingerprint: stretched.toString("base64url") };
  } finally {
    digest.fill(0);
  }
}
