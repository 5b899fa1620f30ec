import type { Dialect } from "./dialect.ts";
import { badResponse } from "../_bad-response.ts";
import { KeyProtectError } from "../error.ts";
import { importTokenId } from "./_import-token-id.ts";
import { requiredBytes, requiredText } from "../decode/json.ts";
import { mediaType } from "../media-types.ts";

/** The nonce of an import token, in bytes: that of AES-GCM. */
const nonceBytes = 12;

/** Today's API: `/actions/…`, import tokens, two kinds of policies. */
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
        "the current API takes encrypted material only with an encrypted nonce and its initialization vector",
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
          rotation: { enabled: true, interval_month: change.intervalMonths },
        }
      : { type: mediaType.policy, dualAuthDelete: { enabled: change.enabled } },
  policyPreference: undefined,
  lockers: {
    createPath: "/api/v2/import_token",
    // Every read of an import token uses up a retrieval, so that looking would take the token away.
    listPath: undefined,
    retrievePath: () => "/api/v2/import_token",
    isRetrievedById: false,
    metadataType: mediaType.importToken,
    retrievedType: mediaType.importToken,
    retrievePreference: undefined,
    idOf: (answer, instanceId) => importTokenId(instanceId, requiredText(answer, "creationDate")),
    importProof: (answer) => {
      const nonce = requiredBytes(answer, "nonce");
      if (nonce.length !== nonceBytes) throw badResponse("nonce is not 12 bytes");
      return { importToken: undefined, nonce };
    },
  },
};
