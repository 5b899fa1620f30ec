/** A root key from the caller's own material, and lists of keys. */
import {
  constants,
  createCipheriv,
  createPublicKey,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { ImportEncryptionAlgorithm, KeyType } from "../../src/gen/keyprotect/v1/key.ts";
import type { Clients } from "./clients.ts";
import type { Narrator } from "./narrator.ts";

/** Shows step 6. */
export async function showImport(narrator: Narrator, clients: Clients): Promise<void> {
  const { step, show, call } = narrator;
  const { keys, actions, lockers } = clients;
  step(
    "6. Secure import",
    `A root key can be made from material of your own. A locker (now called import token) holds a
    public key: what it encrypts can be decrypted only inside Key Protect. GenerateDataKey makes a
    new data key and wraps it.`,
  );
  const locker = await call(lockers, "createLocker", { maxAllowedRetrievals: 1 });
  const lockerId = locker.locker?.id ?? "";
  const transport = await call(lockers, "retrieveLocker", { lockerId });
  const material = randomBytes(32);
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", material, iv);
  const encryptedNonce = Buffer.concat([
    cipher.update(transport.nonce),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  const imported = await call(keys, "createKey", {
    name: "brought along",
    type: KeyType.ROOT,
    material: {
      $case: "encryptedKeyMaterial",
      value: {
        ciphertext: publicEncrypt(
          {
            key: createPublicKey({ key: transport.publicKey, format: "der", type: "spki" }),
            padding: constants.RSA_PKCS1_OAEP_PADDING,
            oaepHash: "sha256",
          },
          material,
        ),
        importToken: transport.importToken,
        encryptedNonce,
        initializationVector: iv,
        algorithm: ImportEncryptionAlgorithm.RSAES_OAEP_SHA_256,
      },
    },
  });
  show("root key from imported material", String(imported.key?.imported));
  const keyId = imported.key?.id ?? "";
  const { plaintext, ciphertext } = await call(actions, "generateDataKey", { keyId });
  show("new data key", `${plaintext.length} bytes, wrapped: ${ciphertext.length} bytes`);
}

/** Shows step 7. */
export async function showLists(narrator: Narrator, clients: Clients): Promise<void> {
  const { step, show, call } = narrator;
  const { keys } = clients;
  step(
    "7. Lists",
    "Lists contain no key material. This filter selects the keys that were never rotated.",
  );
  const all = await call(keys, "listKeys", { includeTotal: true, orderBy: "create_time" });
  show(`all ${all.totalSize}`, all.keys.map((key) => key.name).join(", "));
  const filtered = await call(keys, "listKeys", { filter: "lastRotateDate=none" });
  show("never rotated", filtered.keys.map((key) => key.name).join(", "));
}
