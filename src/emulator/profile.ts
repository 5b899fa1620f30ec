/**
 * The behaviour of the emulator where public sources about Key Protect disagree, or where the
 * service has changed over the years.
 */
export interface Profile {
  /** `reasons`: error bodies have `reasons[]` (2020 and later). `text`: `errorMsg` alone (2019). */
  readonly errorStyle: "reasons" | "text";
  /**
   * Status for a well-formed ciphertext that was wrapped by another key or with other additional
   * data. IBM documents 422; 400 was observed.
   */
  readonly wrongCiphertextStatus: 422 | 400;
  /** Keys per page if a list request has no `limit`. */
  readonly listDefaultLimit: number;
  /** `metadata.collectionType` of key lists. */
  readonly listCollectionType: string;
  /** Maximum length of a key name, in characters. */
  readonly nameMaxLength: number;
  /** Whether answers contain key versions. */
  readonly showsKeyVersions: boolean;
  /** Whether a key that has not changed since its creation has a `lastUpdateDate`. */
  readonly freshKeyHasLastUpdateDate: boolean;
  /** Whether an expired key can unwrap, rewrap and rotate. */
  readonly isUsableWhenDeactivated: boolean;
  /** `algorithmType` and the mode in `algorithmMetadata`. */
  readonly algorithm: { readonly type: string; readonly mode: string };
  /** Status of reading a locker that has no retrievals left. */
  readonly usedUpLockerStatus: 404 | 409;
}

/** The current service. */
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
  algorithm: { type: "AES", mode: "GCM" },
  usedUpLockerStatus: 404,
};
