/**
 * The reason codes of Key Protect that the emulator uses, each with its usual HTTP status and text.
 * The codes of KMIP are those that the acceptance tests of IBM's Terraform provider expect, except
 * that the two for an unknown adapter and certificate follow the one for an unknown object.
 */
export const reasonCatalogue = {
  AUTHORIZATIONS_NOT_MET: [409, "Number of authorizations required to delete is not met"],
  BAD_BODY_ERR: [
    400,
    "Invalid body data was passed. Please ensure the data passed had valid formatting with no invalid characters",
  ],
  BEARER_SUB_EXTRACTION_ERR: [
    400,
    "Extracting the subject from the bearer token failed. Please ensure the Authorization header holds a valid bearer token",
  ],
  BODY_QUERY_PARAM_MISMATCH_ERR: [
    400,
    "Data in body does not match data required by query parameter",
  ],
  COLLECTION_TOTAL_MISMATCH_ERR: [400, "Collection total does not match number of resources"],
  FEATURE_RESTRICTED_ERR: [403, "The feature is not enabled for this instance"],
  IMPORT_TOKEN_EXPIRED_ERR: [409, "The import token has expired."],
  INCORRECT_NONCE_ERR: [
    400,
    "The encrypted nonce given does not match existing record: Please ensure the correct nonce was given in the request",
  ],
  INCORRECT_NONCE_IV_ERR: [
    400,
    "The provided encrypted nonce was not encrypted with the key material given OR the provided IV does not match the encrypted nonce",
  ],
  INVALID_FIELD_ERR: [400, "The field"],
  INVALID_QUERY_PARAM_ERR: [400, "The query_param"],
  KEY_ACTION_INVALID_STATE_ERR: [409, "Key is not in a valid state"],
  KEY_ALIAS_NOT_FOUND_ERR: [404, "Key alias does not exist"],
  KEY_ALIAS_NOT_UNIQUE_ERR: [409, "The key alias is already in use in this instance"],
  KEY_CREATE_IMPORT_ACCESS_ERR: [
    409,
    "KeyCreateImportAccess instance policy does not allow this action",
  ],
  KEY_DELETED_ERR: [410, "Key has already been deleted. Please delete references to this key."],
  KEY_EXPIRED_ERR: [
    400,
    "The action could not be performed on the key because the key is expired.",
  ],
  KEY_NOT_FOUND_ERR: [404, "Key does not exist"],
  KEY_PAYLOAD_REQ_ERR: [400, "This root key was created with user-supplied key material"],
  KEY_RESTORE_EXPIRED: [400, "Key restoration has expired"],
  KEY_RING_KEYS_NOT_DELETED_ERR: [409, "The specified key ring contains keys that are not deleted"],
  KEY_RING_NOT_EMPTY_ERR: [409, "The specified key ring contains at least one key (in any state)"],
  KEY_RING_NOT_FOUND_ERR: [404, "The specified key ring does not exist"],
  KEY_ROOT_REQ_ERR: [400, "Requested action can only be completed with a root key."],
  KEY_ROTATION_NOT_PERMITTED: [
    409,
    "This root key has been rotated within the last hour: Only one 'rotate' action per hour is permitted",
  ],
  KEY_SEARCH_TOO_BROAD: [400, "The search query is too broad"],
  KMIP_ADAPTER_DUPLICATE_NAME_ERR: [409, "A KMIP adapter with this name exists in the instance"],
  KMIP_ADAPTER_NOT_FOUND_ERR: [404, "The KMIP adapter does not exist"],
  KMIP_CERT_DUPLICATE_ERR: [409, "The KMIP adapter already has this certificate"],
  KMIP_CERT_DUPLICATE_NAME_ERR: [409, "A certificate with this name exists in the KMIP adapter"],
  KMIP_CERT_NOT_FOUND_ERR: [404, "The KMIP client certificate does not exist"],
  KMIP_CERT_REUSE_ERR: [
    409,
    "Another KMIP adapter reserves exclusive use of this certificate payload",
  ],
  KMIP_OBJECT_NOT_FOUND_ERR: [404, "The KMIP object does not exist"],
  NATIVE_CRK_ID_NOT_FOUND_ERR: [404, "The root key of the adapter does not exist"],
  NATIVE_INVALID_CRK_ERR: [400, "The key of the adapter must be an active root key"],
  NOT_DUAL_AUTH_ERR: [409, "The key is not dual auth enabled and cannot be set for deletion"],
  NO_BODY_ERR: [400, "Missing body in request"],
  NUM_COLLECTION_RESOURCE_ERR: [
    400,
    "Only a single instance policy may be created per query parameter. Please pass single resource object",
  ],
  PREV_KEY_DEL_ERR: [
    409,
    "The key cannot be deleted because it's protecting a cloud resource that has a retention policy.",
  ],
  PROTECTED_RESOURCE_ERR: [409, "Key is protecting one or more cloud resources"],
  REQ_TOO_EARLY_ERR: [409, "The key was updated recently: Please wait and try again"],
  UNPROCESSABLE_CIPHERTEXT_ERR: [422, "The provided ciphertext is invalid or corrupted"],
} as const satisfies Readonly<Record<string, readonly [status: number, message: string]>>;

/** A reason code of Key Protect that the emulator uses. */
export type ReasonCode = keyof typeof reasonCatalogue;
