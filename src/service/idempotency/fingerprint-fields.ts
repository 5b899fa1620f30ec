import type { RequestParts } from "../../idempotency-store/store.ts";
import type { Material } from "../keys/key-material.ts";

/** The fields of material that came encrypted, or that there is none in a form that may be digested plainly. */
export function materialFields(material: Material): RequestParts["fields"] {
  if (material === undefined) return ["generated"];
  if (material.$case === "keyMaterial") return ["plain"];
  const { ciphertext, importToken, encryptedNonce, initializationVector, algorithm } =
    material.value;
  return [
    "encrypted",
    ciphertext,
    importToken,
    encryptedNonce,
    initializationVector,
    String(algorithm),
  ];
}

/** Material in the clear, if there is any. */
export const plainMaterialOf = (material: Material): Uint8Array | undefined =>
  material?.$case === "keyMaterial" ? material.value : undefined;
