/**
 * The operations of Key Protect that the emulator implements, with path, required role and the text
 * of their errors.
 */
/**
 * IAM service roles. Each of the first four includes the ones before it. Manager also includes
 * KmipAdapterManager.
 */
export type Role =
  | "Reader"
  | "ReaderPlus"
  | "Writer"
  | "Manager"
  | "KeyPurge"
  | "KmipAdapterManager";

interface OperationRow {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below `/api/v2`. Names in braces match one segment. */
  readonly path: string;
  /** The lowest role that may call the operation. */
  readonly role: Role;
  /** The text in `errorMsg` of a rejected call. */
  readonly failure: string;
  /** A role that may call the operation besides those that include `role`. */
  readonly otherRole?: Role;
}

const row = (
  method: OperationRow["method"],
  path: string,
  role: Role,
  failure: string,
): OperationRow => ({ method, path, role, failure });

// The role that manages KMIP may also find the root key for an adapter.
const alsoForKmip = (operation: OperationRow): OperationRow => ({
  ...operation,
  otherRole: "KmipAdapterManager",
});

const kmip = (method: OperationRow["method"], path: string, failure: string): OperationRow =>
  row(method, `/kmip_adapters${path}`, "KmipAdapterManager", failure);

const onKey = "Action could not be performed on key";
const policyFailure = "Instance policy could not be created";

/**
 * The operations, named as in IBM's API documentation. Operations on lockers are named by their
 * verbs.
 */
export const operations = {
  createKey: row("POST", "/keys", "Writer", "Key could not be created"),
  createKeyWithPoliciesOverrides: row(
    "POST",
    "/keys_with_policy_overrides",
    "Writer",
    "Key could not be created",
  ),
  getKeys: alsoForKmip(row("GET", "/keys", "Reader", "Keys could not be retrieved")),
  getKeyCollectionMetadata: alsoForKmip(
    row("HEAD", "/keys", "Reader", "Keys could not be retrieved"),
  ),
  getRegistrationsAllKeys: row(
    "GET",
    "/keys/registrations",
    "Reader",
    "Registrations could not be retrieved",
  ),
  getKey: row("GET", "/keys/{id}", "ReaderPlus", "Key could not be retrieved"),
  getKeyMetadata: row("GET", "/keys/{id}/metadata", "Reader", "Key could not be retrieved"),
  patchKey: row("PATCH", "/keys/{id}", "Manager", "Key could not be updated"),
  deleteKey: row("DELETE", "/keys/{id}", "Manager", "Key could not be deleted"),
  purgeKey: row("DELETE", "/keys/{id}/purge", "KeyPurge", "Key could not be purged"),
  restoreKey: row("POST", "/keys/{id}/restore", "Manager", "Key could not be restored"),
  getKeyVersions: row(
    "GET",
    "/keys/{id}/versions",
    "Reader",
    "KeyVersion(s) could not be retrieved",
  ),
  wrapKey: row("POST", "/keys/{id}/actions/wrap", "Reader", "Wrap with key could not be performed"),
  unwrapKey: row(
    "POST",
    "/keys/{id}/actions/unwrap",
    "Reader",
    "Unwrap with key could not be performed",
  ),
  rewrapKey: row("POST", "/keys/{id}/actions/rewrap", "Reader", onKey),
  rotateKey: row("POST", "/keys/{id}/actions/rotate", "Writer", onKey),
  enableKey: row("POST", "/keys/{id}/actions/enable", "Manager", "Key could not be enabled"),
  disableKey: row("POST", "/keys/{id}/actions/disable", "Manager", "Key could not be disabled"),
  setKeyForDeletion: row("POST", "/keys/{id}/actions/setKeyForDeletion", "Writer", onKey),
  unsetKeyForDeletion: row("POST", "/keys/{id}/actions/unsetKeyForDeletion", "Writer", onKey),
  syncAssociatedResources: row(
    "POST",
    "/keys/{id}/actions/sync",
    "Writer",
    "Could not initiate sync requests to associated resources",
  ),
  getPolicy: row("GET", "/keys/{id}/policies", "Reader", "Policy could not be retrieved"),
  putPolicy: row("PUT", "/keys/{id}/policies", "Manager", "Policy could not be created"),
  getRegistrations: row(
    "GET",
    "/keys/{id}/registrations",
    "Reader",
    "Registrations could not be retrieved",
  ),
  createKeyAlias: row(
    "POST",
    "/keys/{id}/aliases/{alias}",
    "Manager",
    "Alias could not be created",
  ),
  deleteKeyAlias: row(
    "DELETE",
    "/keys/{id}/aliases/{alias}",
    "Manager",
    "Alias could not be deleted",
  ),
  postImportToken: row("POST", "/import_token", "Writer", "Import Token could not be created"),
  getImportToken: row("GET", "/import_token", "Writer", "Import Token could not be retrieved"),
  createLocker: row("POST", "/lockers", "Writer", "Locker could not be created"),
  listLockers: row("GET", "/lockers", "Writer", "Locker could not be retrieved"),
  getLocker: row("GET", "/lockers/{id}", "Writer", "Locker could not be retrieved"),
  listKeyRings: alsoForKmip(row("GET", "/key_rings", "Reader", "Key rings could not be retrieved")),
  createKeyRing: row("POST", "/key_rings/{ring}", "Writer", "Key ring could not be created"),
  deleteKeyRing: row("DELETE", "/key_rings/{ring}", "Manager", "Key ring could not be deleted"),
  getInstancePolicy: row(
    "GET",
    "/instance/policies",
    "Manager",
    "Instance policy could not be retrieved",
  ),
  putInstancePolicy: row("PUT", "/instance/policies", "Manager", policyFailure),
  getAllowedIPPort: row(
    "GET",
    "/instance/allowed_ip_port",
    "Manager",
    "Allowed IP port could not be retrieved",
  ),
  getKmipAdapters: kmip("GET", "", "KMIP Adapters could not be retrieved"),
  createKmipAdapter: kmip("POST", "", "KMIP Adapter could not be created"),
  getKmipAdapter: kmip("GET", "/{adapter}", "KMIP Adapter could not be retrieved"),
  deleteKmipAdapter: kmip("DELETE", "/{adapter}", "KMIP Adapter could not be deleted"),
  getKmipObjects: kmip("GET", "/{adapter}/kmip_objects", "KMIP Objects could not be retrieved"),
  getKmipObject: kmip(
    "GET",
    "/{adapter}/kmip_objects/{object}",
    "KMIP Object could not be retrieved",
  ),
  deleteKmipObject: kmip(
    "DELETE",
    "/{adapter}/kmip_objects/{object}",
    "KMIP Object could not be deleted",
  ),
  getKmipClientCertificates: kmip(
    "GET",
    "/{adapter}/certificates",
    "KMIP Client Certificates could not be retrieved",
  ),
  addKmipClientCertificate: kmip(
    "POST",
    "/{adapter}/certificates",
    "KMIP Client Certificate could not be added",
  ),
  getKmipClientCertificate: kmip(
    "GET",
    "/{adapter}/certificates/{certificate}",
    "KMIP Client Certificate could not be retrieved",
  ),
  deleteKmipClientCertificate: kmip(
    "DELETE",
    "/{adapter}/certificates/{certificate}",
    "KMIP Client Certificate could not be deleted",
  ),
} as const satisfies Readonly<Record<string, OperationRow>>;

/** The name of an operation of Key Protect. */
export type Operation = keyof typeof operations;

/** Values of `action` in `POST /keys/{id}?action=…` (2019), with the operation of each. */
export const operationsByAction: ReadonlyMap<string, Operation> = new Map([
  ["wrap", "wrapKey"],
  ["unwrap", "unwrapKey"],
  ["rewrap", "rewrapKey"],
  ["rotate", "rotateKey"],
  ["enable", "enableKey"],
  ["disable", "disableKey"],
  ["restore", "restoreKey"],
  ["setKeyForDeletion", "setKeyForDeletion"],
  ["unsetKeyForDeletion", "unsetKeyForDeletion"],
]);
