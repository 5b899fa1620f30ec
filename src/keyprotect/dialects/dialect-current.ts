/** The dialect of the current API. */
import type { Dialect } from "./dialect.ts";
import { badResponseError, KeyProtectError } from "../error.ts";
import { requiredBytes, requiredText } from "../decode/json.ts";
import { mediaType } from "../media-types.ts";
import { createHash } from "node:crypto";

/** Length of an import token's nonce, in bytes: a nonce of AES-GCM. */
const nonceBytes = 12;

/** The current API: `/actions/…`, import tokens, two kinds of policies. */
export const dialectCurrent: Dialect = {
  keyListType: mediaType.key,
  actionPath: (keyId, action) => `/api/v2/keys/${keyId}/actions/${action}`,
  metadataPath: (keyId) => `/api/v2/keys/${keyId}/metadata`,
  isMetadataSecret: false,
  generatedRotation: undefined,
  encryptionFields: ({ encryptionAlgorithm, encryptedNonce, iv }) => {
    if (encryptedNonce === undefined || iv === undefined) {
      throw new KeyProtectError(
        "UNSUPPORTED",
        "the current API accepts encrypted material only with an encrypted nonce and its initialization vector",
      );
    }
    return {
      encryptedNonce: encryptedNonce.toString("base64"),
      iv: iv.toString("base64"),
      encryptionAlgorithm,
    };
  },
  policyResource: (change) =>
    change.kind === "rotation"
      ? {
          type: mediaType.policy,
          rotation: { enabled: change.enabled ?? true, interval_month: change.intervalMonths },
        }
      : { type: mediaType.policy, dualAuthDelete: { enabled: change.enabled } },
  policyQuery: (kind) => `?policy=${kind}`,
  policyKinds: ["rotation", "dualAuthDelete"],
  // A key has fields of policies too, so a collection of keys must not be read as policies.
  policyVariants: undefined,
  policyType: mediaType.policy,
  policyPreference: undefined,
  lockers: {
    createPath: "/api/v2/import_token",
    createType: mediaType.importToken,
    // Every read of an import token uses up a retrieval.
    listPath: undefined,
    retrievePath: () => "/api/v2/import_token",
    isRetrievedById: false,
    metadataType: mediaType.importToken,
    retrievedType: mediaType.importToken,
    retrievePreference: undefined,
    idOf: (answer, instanceId) => importTokenId(instanceId, requiredText(answer, "creationDate")),
    importProof: (answer) => {
      const nonce = requiredBytes(answer, "nonce");
      if (nonce.length !== nonceBytes) throw badResponseError("nonce is not 12 bytes");
      return { importToken: undefined, nonce };
    },
  },
};

/**
 * Derives an ID for an import token, which has none in the API. An instance has one token at a
 * time, so instance and creation date identify it. Every replica derives the same ID, also after a
 * restart. The ID is a version 8 UUID (RFC 9562, section 5.8) over the SHA-256 of both.
 */
export function importTokenId(instanceId: string, creationDate: string): string {
  const bytes = createHash("sha256").update(`${instanceId}\n${creationDate}`).digest();
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes
    .toString("hex", 0, 16)
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
