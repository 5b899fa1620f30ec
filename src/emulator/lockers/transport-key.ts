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
