/** The resources of Key Protect's REST API: decoded, checked and independent of the dialect. */

/** A key. Optional fields are `undefined` if the upstream left them out. */
export interface KeyResource {
  readonly id: string;
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly tags: readonly string[];
  /**
   * 0 pre-activation, 1 active, 2 suspended, 3 deactivated, 5 destroyed; other integers are
   * possible.
   */
  readonly state: number | undefined;
  readonly nonactiveStateReason: number | undefined;
  /** `true`: standard key; `false`: root key. */
  readonly extractable: boolean | undefined;
  readonly imported: boolean | undefined;
  readonly crn: string | undefined;
  readonly createdBy: string | undefined;
  readonly deletedBy: string | undefined;
  readonly creationDate: Date | undefined;
  readonly lastUpdateDate: Date | undefined;
  readonly lastRotateDate: Date | undefined;
  readonly expirationDate: Date | undefined;
  readonly deletionDate: Date | undefined;
  readonly algorithm:
    | { readonly type: string; readonly bitLength: number; readonly mode: string }
    | undefined;
  /** `authExpiration`: when the first authorization of a deletion expires. */
  readonly dualAuthDelete:
    | {
        readonly enabled: boolean;
        readonly keySetForDeletion: boolean | undefined;
        readonly authExpiration: Date | undefined;
      }
    | undefined;
  readonly rotation:
    | { readonly enabled: boolean; readonly intervalMonths: number | undefined }
    | undefined;
  readonly keyVersion: KeyVersionResource | undefined;
  readonly keyRingId: string | undefined;
  readonly aliases: readonly string[];
  /** These five are present for a deleted key only. */
  readonly purgeScheduledOn: Date | undefined;
  readonly restoreExpirationDate: Date | undefined;
  readonly purgeAllowedFrom: Date | undefined;
  readonly restoreAllowed: boolean | undefined;
  readonly purgeAllowed: boolean | undefined;
  /** Decoded material of a standard key. Only if the operation returns it. */
  readonly payload: Buffer | undefined;
}

/** Which keys a list or a count is about, and in which order. Empty: all that are not deleted. */
export interface KeyQuery {
  /** Numbers of states, as in `KeyResource.state`. */
  readonly states?: readonly number[] | undefined;
  /** `true`: standard keys; `false`: root keys. */
  readonly extractable?: boolean | undefined;
  readonly search?: string | undefined;
  /** Properties, separated by commas, with `-` before those in descending order. Default: `id`. */
  readonly sort?: string | undefined;
  readonly filter?: string | undefined;
}

/** A part of the list of keys. */
export interface KeyPage {
  readonly keys: KeyResource[];
  /**
   * For fewer keys than requested: `true` if the response shows that the list ends here, `false` if
   * it says that more follow. `undefined`: it does not tell, or says two things. An upstream or a
   * proxy may cap a page.
   */
  readonly isLast: boolean | undefined;
  /** The number of keys on all pages; `undefined` if the response does not tell. */
  readonly total: number | undefined;
  /** Whether the upstream gave a search up before it had looked at all keys. */
  readonly isIncomplete: boolean;
}

/** A version of a root key. */
export interface KeyVersionResource {
  readonly id: string;
  readonly creationDate: Date | undefined;
}

/** A change of a key's state that has no parameters. */
export type KeyChange = "enable" | "disable" | "setKeyForDeletion" | "unsetKeyForDeletion" | "sync";

/** Key material that is imported instead of generated. */
export type ImportedMaterial =
  | { readonly kind: "plain"; readonly payload: Buffer }
  | {
      readonly kind: "encrypted";
      /** RSAES-OAEP ciphertext of the material. */
      readonly payload: Buffer;
      readonly encryptionAlgorithm: "RSAES_OAEP_SHA_256";
      /** 2019 dialect: the opaque import token of the locker. */
      readonly importToken: string | undefined;
      /** Current dialect: the nonce of the import token, encrypted with the material. */
      readonly encryptedNonce: Buffer | undefined;
      /** Current dialect: the initialization vector of that encryption of the nonce. */
      readonly iv: Buffer | undefined;
    };

/** Value of a `Prefer` header, after `return=`. */
export type Preference = "minimal" | "representation";

/** Parameters of a new key. */
export interface CreateKeyParams {
  readonly name: string;
  readonly description: string | undefined;
  readonly tags: readonly string[];
  readonly expirationDate: Date | undefined;
  /** `true`: standard key; `false`: root key. */
  readonly extractable: boolean;
  /** Absent: the service generates 256 bits. */
  readonly material: ImportedMaterial | undefined;
  readonly aliases: readonly string[];
  /** Replaces the policies that the instance gives to new keys. Default: those. */
  readonly policyOverrides: readonly PolicyChange[] | undefined;
  readonly prefer: Preference;
}

/** Result of a wrap. */
export interface WrapResult {
  /** Only if the service generated the plaintext. */
  readonly plaintext: Buffer | undefined;
  readonly ciphertext: Buffer;
  readonly keyVersionId: string | undefined;
}

/** Result of an unwrap. */
export interface UnwrapResult {
  readonly plaintext: Buffer;
  /**
   * The same plaintext wrapped with the newest key version; only if the given ciphertext has an
   * older one.
   */
  readonly rewrappedCiphertext: Buffer | undefined;
  readonly rewrappedKeyVersionId: string | undefined;
}

/** Result of a rewrap. */
export interface RewrapResult {
  /** The same data encryption key, wrapped with the newest version of the root key. */
  readonly ciphertext: Buffer;
  /** ID of the newest version. */
  readonly keyVersionId: string | undefined;
  /** ID of the version that the given ciphertext has. */
  readonly previousKeyVersionId: string | undefined;
}

/** One policy of a key. A kind that the gateway does not know is `unknown`. */
export interface PolicyResource {
  readonly crn: string | undefined;
  readonly creationDate: Date | undefined;
  readonly lastUpdateDate: Date | undefined;
  readonly createdBy: string | undefined;
  readonly updatedBy: string | undefined;
  readonly kind:
    | {
        readonly kind: "rotation";
        readonly enabled: boolean;
        /** Absent only in a disabled policy. */
        readonly intervalMonths: number | undefined;
      }
    | { readonly kind: "dualAuthDelete"; readonly enabled: boolean }
    | { readonly kind: "unknown" };
}

/** A policy to set. */
export type PolicyChange =
  | {
      readonly kind: "rotation";
      /** Default: true. */
      readonly enabled?: boolean | undefined;
      /** Absent: the policy keeps its interval. */
      readonly intervalMonths: number | undefined;
    }
  | { readonly kind: "dualAuthDelete"; readonly enabled: boolean };

/** The answer to a replacement of policies. */
export interface ReplacedPolicies {
  /** The policies of the response, which may be only some of those in force. */
  readonly policies: readonly PolicyResource[];
  /** Whether these are certainly all policies in force that the dialect has. */
  readonly isComplete: boolean;
}

/**
 * A locker (2019) or import token (current). Import tokens have no ID in the API; it is derived.
 */
export interface LockerResource {
  readonly id: string;
  readonly creationDate: Date | undefined;
  readonly expirationDate: Date | undefined;
  readonly maxAllowedRetrievals: number | undefined;
  readonly remainingRetrievals: number | undefined;
}

/** A retrieved locker, with the values for encrypting material for import. */
export interface LockerKeyResource extends LockerResource {
  /** DER SubjectPublicKeyInfo of the RSA transport key. */
  readonly publicKey: Buffer;
  /** 2019 dialect only: opaque text, sent back with the encrypted material. */
  readonly importToken: string | undefined;
  /** Current dialect only: encrypted with the material and sent back. */
  readonly nonce: Buffer | undefined;
}
