/** The vendor's media types that the client sends, asks for and expects as `collectionType`. */
export const mediaType = {
  /** What the 2019 API calls a list of keys. */
  collection: "application/vnd.ibm.collection+json",
  key: "application/vnd.ibm.kms.key+json",
  keyAction: "application/vnd.ibm.kms.key_action+json",
  policy: "application/vnd.ibm.kms.policy+json",
  lockerMetadata: "application/vnd.ibm.kms.locker_metadata+json",
  locker: "application/vnd.ibm.kms.locker+json",
  importToken: "application/vnd.ibm.kms.import_token+json",
} as const;
