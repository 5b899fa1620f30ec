import type { JsonObject } from "../decode/json.ts";
import type { ImportedMaterial, PolicyChange, Preference } from "../resources.ts";

/** An action on a key that both generations of the API have. */
export type KeyAction = "wrap" | "unwrap" | "rotate";

/** Material that was encrypted under a locker's transport key. */
export type EncryptedMaterial = Extract<ImportedMaterial, { kind: "encrypted" }>;

/** What differs between the two generations of Key Protect's API. IDs come in encoded as path segments. */
export interface Dialect {
  /** Media type that lists of keys are asked for. */
  readonly keyListType: string;
  actionPath(keyId: string, action: KeyAction): string;
  /** Where to read a key's metadata. */
  metadataPath(keyId: string): string;
  /** Whether an answer at `metadataPath` may hold key material, which is then not looked at. */
  readonly isMetadataSecret: boolean;
  /** Body that asks for a rotation to generated material. */
  readonly generatedRotation: Buffer | undefined;
  /** The fields of a request that say how its `payload` was encrypted. Throws `UNSUPPORTED` for the other generation's. */
  encryptionFields(material: EncryptedMaterial): Readonly<Record<string, string>>;
  /** A policy as a resource to be sent. Throws `UNSUPPORTED` for a kind that this generation does not have. */
  policyResource(change: PolicyChange): object;
  /** Sent with policies. */
  readonly policyPreference: Preference | undefined;
  readonly lockers: LockerDialect;
}

/** How lockers (2019) or import tokens (current) are asked for and read. */
export interface LockerDialect {
  readonly createPath: string;
  /** Absent where listing would use up a retrieval. */
  readonly listPath: string | undefined;
  retrievePath(lockerId: string): string;
  /** Whether `retrievePath` names the locker. If not, the answer is about whichever one there is. */
  readonly isRetrievedById: boolean;
  /** Media type of metadata. */
  readonly metadataType: string;
  /** Media type of a retrieved locker. */
  readonly retrievedType: string;
  readonly retrievePreference: Preference | undefined;
  /** The ID of the locker that `answer` describes. */
  idOf(answer: JsonObject, instanceId: string): string;
  /** What has to be sent back with material that was encrypted for the locker. */
  importProof(answer: JsonObject): {
    readonly importToken: string | undefined;
    readonly nonce: Buffer | undefined;
  };
}

/** The fields of a request that bring key material along. Throws `UNSUPPORTED` for material the dialect cannot take. */
export function importedMaterialFields(
  material: ImportedMaterial,
  dialect: Dialect,
): Readonly<Record<string, string>> {
  const payload = material.payload.toString("base64");
  return material.kind === "plain"
    ? { payload }
    : { payload, ...dialect.encryptionFields(material) };
}
