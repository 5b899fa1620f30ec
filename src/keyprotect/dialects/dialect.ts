/** The interface of a dialect: what differs between the two versions of Key Protect's API. */
import type { CollectionVariants } from "../collection.ts";
import type { JsonObject } from "../decode/json.ts";
import type { ImportedMaterial, PolicyChange, Preference } from "../resources.ts";

/** An action on a key. The 2019 API has only the first three. */
export type KeyAction = "wrap" | "unwrap" | "rotate" | "rewrap";

/** Material that was encrypted under a locker's transport key. */
export type EncryptedMaterial = Extract<ImportedMaterial, { kind: "encrypted" }>;

/** The differences between the API versions. IDs are passed in encoded as path segments. */
export interface Dialect {
  /** The `Accept` header for lists of keys. */
  readonly keyListType: string;
  /** Path of an action on a key. */
  actionPath(keyId: string, action: KeyAction): string;
  /** Path of a key's metadata. */
  metadataPath(keyId: string): string;
  /** Whether a response at `metadataPath` may contain key material. It is then ignored. */
  readonly isMetadataSecret: boolean;
  /** Body of a rotation to generated material. */
  readonly generatedRotation: Buffer | undefined;
  /**
   * Request fields that describe how `payload` was encrypted. Throws `UNSUPPORTED` for the material
   * of the other version.
   */
  encryptionFields(material: EncryptedMaterial): Readonly<Record<string, string>>;
  /**
   * Encodes a policy as a resource. Throws `UNSUPPORTED` for a kind, or a change of it, that this
   * version does not have.
   */
  policyResource(change: PolicyChange): object;
  /**
   * The query that reads the policies of one kind. Throws `UNSUPPORTED` for a kind that this
   * version does not have.
   */
  policyQuery(kind: PolicyChange["kind"]): string;
  /** The kinds of policies that this version has. */
  readonly policyKinds: readonly PolicyChange["kind"][];
  /** Forms of a response with policies that this version has beside that of the current API. */
  readonly policyVariants: CollectionVariants | undefined;
  /** Media type of a policy update. 2019 has that of keys, also as the type of the resource. */
  readonly policyType: string;
  /** The `Prefer` header of a policy update. */
  readonly policyPreference: Preference | undefined;
  readonly lockers: LockerDialect;
}

/** How lockers (2019) or import tokens (current) are requested and decoded. */
export interface LockerDialect {
  readonly createPath: string;
  /** Media type of the request to create one. */
  readonly createType: string;
  /** Absent if listing would use up a retrieval. */
  readonly listPath: string | undefined;
  /** Path of a retrieval. */
  retrievePath(lockerId: string): string;
  /** Whether `retrievePath` names the locker. If not, the response is about the current one. */
  readonly isRetrievedById: boolean;
  /** Media type of metadata. */
  readonly metadataType: string;
  /** Media type of a retrieved locker. */
  readonly retrievedType: string;
  readonly retrievePreference: Preference | undefined;
  /** Returns the ID of the locker that `answer` describes. */
  idOf(answer: JsonObject, instanceId: string): string;
  /** Reads the values to send back with material encrypted for the locker. */
  importProof(answer: JsonObject): {
    readonly importToken: string | undefined;
    readonly nonce: Buffer | undefined;
  };
}

/**
 * Request fields of imported key material. Throws `UNSUPPORTED` for material that the dialect does
 * not accept.
 */
export function importedMaterialFields(
  material: ImportedMaterial,
  dialect: Dialect,
): Readonly<Record<string, string>> {
  const payload = material.payload.toString("base64");
  return material.kind === "plain"
    ? { payload }
    : { payload, ...dialect.encryptionFields(material) };
}
