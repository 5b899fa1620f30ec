/** Where public sources about Key Protect disagree, or the service changed over the years, a profile says which reading is played. */
export interface Profile {
  /** `reasons`: error bodies carry `reasons[]` (2020 and later); `text`: `errorMsg` alone (2019). */
  readonly errorStyle: "reasons" | "text";
  /** Status for a well-formed ciphertext that this key did not wrap, or with another AAD. Documents say 422; 400 was seen. */
  readonly wrongCiphertextStatus: 422 | 400;
  /** Keys per list answer if the request names no `limit`. */
  readonly listDefaultLimit: number;
  /** `metadata.collectionType` of key lists. */
  readonly listCollectionType: string;
  /** Longest allowed key name, in characters. */
  readonly nameMaxLength: number;
  /** Whether answers name key versions. */
  readonly showsKeyVersions: boolean;
  /** Whether a key that was only created has a `lastUpdateDate`. */
  readonly freshKeyHasLastUpdateDate: boolean;
  /** Whether an expired key still unwraps, rewraps and rotates. */
  readonly isUsableWhenDeactivated: boolean;
  /** `algorithmType` and the mode in `algorithmMetadata`. */
  readonly algorithm: { readonly type: string; readonly mode: string };
  /** Status of reading a locker whose retrievals are used up. */
  readonly usedUpLockerStatus: 404 | 409;
}

/** The service of today. */
export const currentProfile: Profile = {
  errorStyle: "reasons",
  wrongCiphertextStatus: 422,
  listDefaultLimit: 200,
  listCollectionType: "application/vnd.ibm.kms.key+json",
  nameMaxLength: 90,
  showsKeyVersions: true,
  freshKeyHasLastUpdateDate: false,
  isUsableWhenDeactivated: true,
  algorithm: { type: "Deprecated", mode: "Deprecated" },
  usedUpLockerStatus: 409,
};

/** The service of 2019. */
export const profileOf2019: Profile = {
  errorStyle: "text",
  wrongCiphertextStatus: 422,
  listDefaultLimit: 2000,
  listCollectionType: "application/vnd.ibm.collection+json",
  nameMaxLength: 50,
  showsKeyVersions: false,
  freshKeyHasLastUpdateDate: true,
  isUsableWhenDeactivated: false,
  algorithm: { type: "AES", mode: "CBC_PAD" },
  usedUpLockerStatus: 404,
};
