/** Transport keys: RSA pairs that encrypt key material for its import into the service. */
import { generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** An RSA-4096 pair. */
export interface TransportKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Returns a key pair for a new locker or import token. */
export type TransportKeySource = () => Promise<TransportKeyPair>;

/** Generates a new RSA-4096 pair, outside the event loop. Can take some seconds. */
export const generateTransportKeys: TransportKeySource = () =>
  new Promise((resolve, reject) => {
    generateKeyPair("rsa", { modulusLength: 4096 }, (error, publicKey, privateKey) => {
      if (error === null) resolve({ publicKey, privateKey });
      else reject(error);
    });
  });

/** Number of pairs that a stock keeps ready. */
const stockedPairs = 4;

/**
 * Creates a source that makes pairs ahead, one after the other, so that a caller does not wait for
 * one. A caller waits if it comes sooner than the next pair. A pair that cannot be made is not
 * stocked; its error reaches a caller that waits for it.
 */
export function createTransportKeyStock(make: TransportKeySource): TransportKeySource {
  const stock: Promise<TransportKeyPair>[] = [];
  let latest: Promise<unknown> = Promise.resolve();
  const add = (): void => {
    const pair = latest.then(make);
    latest = pair.catch(() => {
      const at = stock.indexOf(pair);
      if (at >= 0) void stock.splice(at, 1);
    });
    stock.push(pair);
  };
  const fill = (): void => {
    while (stock.length < stockedPairs) add();
  };
  fill();
  return () => {
    fill();
    const pair = stock.shift();
    fill();
    return pair ?? make();
  };
}

/**
 * The transport key of an instance. The API of 2019 calls it a locker, the current API an import
 * token. The emulator shows the same key under both names. Times are in emulated milliseconds.
 */
export interface TransportKey extends TransportKeyPair {
  readonly id: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly maxRetrievals: number;
  remainingRetrievals: number;
  /** The importer returns it encrypted with the material, which proves that it has the material. */
  readonly nonce: Buffer;
  /** API of 2019: opaque text that the importer returns with the material. */
  readonly importToken: string;
}
