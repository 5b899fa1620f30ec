/** The RSA pairs that encrypt key material on its way into the service, and the slot that an instance keeps one in. */
import { generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";

/** An RSA-4096 pair. */
export interface TransportKeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Gives a pair for a new locker or import token. */
export type TransportKeySource = () => Promise<TransportKeyPair>;

/** Generates a fresh RSA-4096 pair, off the event loop. Takes up to some seconds. */
export const generateTransportKeys: TransportKeySource = () =>
  new Promise((resolve, reject) => {
    generateKeyPair("rsa", { modulusLength: 4096 }, (error, publicKey, privateKey) => {
      if (error === null) resolve({ publicKey, privateKey });
      else reject(error);
    });
  });

/**
 * The one transport key of an instance. It is a locker in the words of 2019 and an import token today; the emulator shows the
 * same key under both names.
 */
export interface TransportKey extends TransportKeyPair {
  readonly id: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly maxRetrievals: number;
  remainingRetrievals: number;
  /** Comes back encrypted with the material, to prove that whoever imports knew the material. */
  readonly nonce: Buffer;
  /** 2019: opaque text that comes back with the material. */
  readonly importToken: string;
}
