import { createHash, createHmac, scrypt } from "node:crypto";
import { absorb } from "./_absorb.ts";
import type { RequestIdentity, RequestParts } from "./store.ts";
import { RecordsError } from "./store-error.ts";

/** 16 MiB and tens of milliseconds for each guess. */
const cost = { N: 2 ** 14, r: 8, p: 1 } as const;

const stretch = (password: Buffer, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, 32, cost, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });

/** Gives work out to one taker at a time. */
export type TakeTurns = <T>(work: () => Promise<T>) => Promise<T>;

/** One after the other: the threads that stretch keys also look up host names, for every call of the process. */
export function createTurns(): TakeTurns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}

/**
 * Identifies a request alike in every process, without a secret that they share, so that who can read the records learns nothing.
 *
 * The request ID, 122 random bits that no record contains, is the secret: the name is a digest of the scope with it, and the key of the
 * fingerprint another one. Whoever has the ID as well, from the log of a caller, can test guesses of weak key material; each then takes a
 * run of scrypt. Those who gave up while they waited for their turn do not get it: a flood of short calls must not hold up the others.
 */
export async function identifyShared(
  { scope, fields, material }: RequestParts,
  takeTurns: TakeTurns,
  call?: { readonly aborted: boolean },
): Promise<RequestIdentity> {
  const digestFor = (purpose: string): Buffer => {
    const hash = createHash("sha256");
    absorb(hash, [`keyprotect-gateway request record 1: ${purpose}`, ...scope]);
    return hash.digest();
  };
  const name = digestFor("name").toString("base64url");
  const key = digestFor("fingerprint");
  const hmac = createHmac("sha256", key);
  absorb(hmac, [...fields, material ?? ""]);
  const digest = hmac.digest();
  if (material === undefined) return { name, fingerprint: digest.toString("base64url") };
  try {
    const stretched = await takeTurns(() => {
      if (call?.aborted === true) throw new RecordsError("ENDED", "the call ended while it waited");
      return stretch(digest, key);
    });
    return { name, fingerprint: stretched.toString("base64url") };
  } finally {
    digest.fill(0);
  }
}
