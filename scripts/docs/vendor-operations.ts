/** The operations of Key Protect's API: the RPC of each, and how IBM's own SDKs name it. */
import type { Operation } from "../../src/emulator/api/operations.ts";

/** Operations of 2019, which IBM's SDKs do not have. */
type LockerOperation = "createLocker" | "listLockers" | "getLocker";

/** An operation of IBM's SDKs. `actionOnKey` is the form `?action=…` of the actions on keys. */
export type VendorOperation = Exclude<Operation, LockerOperation> | "actionOnKey";

const keys = (method: string): string => `keyprotect.v1.KeysService/${method}`;
const actions = (method: string): string => `keyprotect.v1.KeyActionsService/${method}`;
const policies = (method: string): string => `keyprotect.v1.PoliciesService/${method}`;
const lockers = (method: string): string => `keyprotect.v1.LockersService/${method}`;
const rings = (method: string): string => `keyprotect.v1.KeyRingsService/${method}`;
const instance = (method: string): string => `keyprotect.v1.InstancePoliciesService/${method}`;
const adapters = (method: string): string => `keyprotect.kmip.v1.KmipAdaptersService/${method}`;
const objects = (method: string): string => `keyprotect.kmip.v1.KmipObjectsService/${method}`;
const certificates = (method: string): string =>
  `keyprotect.kmip.v1.KmipCertificatesService/${method}`;
const registrations = "keyprotect.v1.RegistrationsService/ListRegistrations";

/** The RPCs that send an operation. */
export const rpcsOfOperation = {
  createKey: [keys("CreateKey")],
  createKeyWithPoliciesOverrides: [keys("CreateKey")],
  getKeys: [keys("ListKeys")],
  getKeyCollectionMetadata: [keys("CountKeys")],
  getKey: [keys("GetKeyMaterial")],
  getKeyMetadata: [keys("GetKey")],
  patchKey: [keys("UpdateKey")],
  deleteKey: [keys("DeleteKey")],
  purgeKey: [keys("PurgeKey")],
  restoreKey: [keys("RestoreKey")],
  getKeyVersions: [keys("ListKeyVersions")],
  enableKey: [keys("EnableKey")],
  disableKey: [keys("DisableKey")],
  setKeyForDeletion: [keys("ScheduleKeyDeletion")],
  unsetKeyForDeletion: [keys("CancelKeyDeletion")],
  syncAssociatedResources: [keys("SyncKey")],
  wrapKey: [actions("WrapKey"), actions("GenerateDataKey")],
  unwrapKey: [actions("UnwrapKey")],
  rewrapKey: [actions("RewrapKey")],
  rotateKey: [actions("RotateKey")],
  actionOnKey: [
    actions("WrapKey"),
    actions("GenerateDataKey"),
    actions("UnwrapKey"),
    actions("RotateKey"),
  ],
  getPolicy: [policies("GetKeyPolicies")],
  putPolicy: [policies("ReplaceKeyPolicies")],
  getInstancePolicy: [instance("GetInstancePolicies")],
  putInstancePolicy: [instance("ReplaceInstancePolicies")],
  getAllowedIPPort: [instance("GetPrivateEndpointPort")],
  postImportToken: [lockers("CreateLocker")],
  getImportToken: [lockers("RetrieveLocker")],
  getRegistrations: [registrations],
  getRegistrationsAllKeys: [registrations],
  createKeyAlias: ["keyprotect.v1.AliasesService/CreateAlias"],
  deleteKeyAlias: ["keyprotect.v1.AliasesService/DeleteAlias"],
  listKeyRings: [rings("ListKeyRings")],
  createKeyRing: [rings("CreateKeyRing")],
  deleteKeyRing: [rings("DeleteKeyRing")],
  getKmipAdapters: [adapters("ListAdapters")],
  createKmipAdapter: [adapters("CreateAdapter")],
  getKmipAdapter: [adapters("GetAdapter")],
  deleteKmipAdapter: [adapters("DeleteAdapter")],
  getKmipObjects: [objects("ListObjects")],
  getKmipObject: [objects("GetObject")],
  deleteKmipObject: [objects("DeleteObject")],
  getKmipClientCertificates: [certificates("ListCertificates")],
  addKmipClientCertificate: [certificates("AddCertificate")],
  getKmipClientCertificate: [certificates("GetCertificate")],
  deleteKmipClientCertificate: [certificates("DeleteCertificate")],
} as const satisfies Readonly<Record<VendorOperation, readonly [string, ...string[]]>>;

const isVendorOperation = (name: string): name is VendorOperation =>
  Object.hasOwn(rpcsOfOperation, name);

/** All operations of IBM's SDKs. */
export const vendorOperations: readonly VendorOperation[] =
  Object.keys(rpcsOfOperation).filter(isVendorOperation);

/** The name of an operation's method in IBM's SDK for Python. */
export const pythonMethodOf = (operation: VendorOperation): string =>
  operation
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();

/** The name of an operation's method in IBM's SDK for Node. */
export const nodeMethodOf = (operation: VendorOperation): string =>
  operation.replace("IPPort", "IpPort");
