/** Key Protect's media types, used in `Content-Type`, `Accept` and `collectionType`. */
export const mediaType = {
  /** The request to create a locker in the 2019 API. */
  json: "application/json",
  /** A list of keys in the 2019 API. */
  collection: "application/vnd.ibm.collection+json",
  key: "application/vnd.ibm.kms.key+json",
  keyVersion: "application/vnd.ibm.kms.key.version+json",
  keyRing: "application/vnd.ibm.kms.key_ring+json",
  alias: "application/vnd.ibm.kms.alias+json",
  registration: "application/vnd.ibm.kms.registration+json",
  keyAction: "application/vnd.ibm.kms.key_action+json",
  policy: "application/vnd.ibm.kms.policy+json",
  allowedIpPort: "application/vnd.ibm.kms.allowed_ip_metadata+json",
  lockerMetadata: "application/vnd.ibm.kms.locker_metadata+json",
  locker: "application/vnd.ibm.kms.locker+json",
  importToken: "application/vnd.ibm.kms.import_token+json",
  kmipAdapter: "application/vnd.ibm.kms.kmip_adapter+json",
  kmipObject: "application/vnd.ibm.kms.kmip_object+json",
  kmipCertificate: "application/vnd.ibm.kms.kmip_client_certificate+json",
} as const;
