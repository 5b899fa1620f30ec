import type { Dialect } from "./dialect.ts";
import { badResponseError, KeyProtectError } from "../error.ts";
import { requiredText } from "../decode/json.ts";
import { mediaType } from "../media-types.ts";
import { isUuid } from "../../platform/uuid.ts";

/** The API of 2019: `?action=`, lockers with their own import tokens, one kind of policy. */
export const dialect2019: Dialect = {
  keyListType: mediaType.collection,
  actionPath: (keyId, action) => `/api/v2/keys/${keyId}?action=${action}`,
  // There is no /metadata: the response includes the material of a standard key.
  metadataPath: (keyId) => `/api/v2/keys/${keyId}`,
  isMetadataSecret: true,
  generatedRotation: Buffer.alloc(0),
  encryptionFields: ({ encryptionAlgorithm, importToken }) => {
    if (importToken === undefined) {
      throw new KeyProtectError(
        "UNSUPPORTED",
        "the 2019 API accepts encrypted material only with a locker's import token",
      );
    }
    return { encryptionAlgorithm, importToken };
  },
  policyResource: (change) => {
    if (change.kind === "dualAuthDelete") {
      throw new KeyProtectError("UNSUPPORTED", "the 2019 API has rotation policies only");
    }
    if (change.enabled === false || change.intervalMonths === undefined) {
      throw new KeyProtectError(
        "UNSUPPORTED",
        "the 2019 API can neither disable a rotation policy nor keep its interval",
      );
    }
    return { type: mediaType.key, rotation: { interval_month: change.intervalMonths } };
  },
  // Every policy of this version is a rotation policy.
  policyQuery: (kind) => {
    if (kind === "rotation") return "";
    throw new KeyProtectError("UNSUPPORTED", "the 2019 API has rotation policies only");
  },
  policyKinds: ["rotation"],
  // The schema of the API's document says so, while its examples have the form of today.
  policyVariants: { type: mediaType.key, isMetadataListed: true },
  policyType: mediaType.key,
  policyPreference: "representation",
  lockers: {
    createPath: "/api/v2/lockers",
    createType: mediaType.json,
    listPath: "/api/v2/lockers",
    retrievePath: (lockerId) => `/api/v2/lockers/${lockerId}`,
    isRetrievedById: true,
    metadataType: mediaType.lockerMetadata,
    retrievedType: mediaType.locker,
    retrievePreference: "representation",
    idOf: (answer) => {
      const id = requiredText(answer, "id");
      if (!isUuid(id)) throw badResponseError("id is not a UUID");
      return id;
    },
    importProof: (answer) => ({
      importToken: requiredText(answer, "importToken"),
      nonce: undefined,
    }),
  },
};
