/** The interface to Key Protect, as the handlers see it. */
import type { CallContext } from "../grpc/call/call-context.ts";
import type { AliasResource } from "../keyprotect/decode/alias.ts";
import type {
  InstancePolicyChange,
  InstancePolicyResource,
  InstancePolicyType,
} from "../keyprotect/decode/instance-policies.ts";
import type { KeyRingResource } from "../keyprotect/decode/key-ring.ts";
import type {
  KmipAdapterResource,
  KmipCertificateResource,
  KmipObjectResource,
} from "../keyprotect/decode/kmip.ts";
import type { RegistrationResource } from "../keyprotect/decode/registration.ts";
import type {
  AddKmipCertificateParams,
  CreateKmipAdapterParams,
} from "../keyprotect/operations/kmip.ts";
import type { ResourcePage } from "../keyprotect/operations/list-window.ts";
import type { RegistrationQuery } from "../keyprotect/operations/rings.ts";
import type {
  CreateKeyParams,
  ImportedMaterial,
  KeyPage,
  KeyQuery,
  KeyChange,
  KeyResource,
  KeyVersionResource,
  LockerKeyResource,
  LockerResource,
  PolicyChange,
  PolicyResource,
  Preference,
  ReplacedPolicies,
  RewrapResult,
  UnwrapResult,
  WrapResult,
} from "../keyprotect/resources.ts";

/** The part of a list to read. */
interface Window {
  readonly limit: number;
  readonly offset: number;
}

/** Time that a read after a change leaves for answering the call, in milliseconds. */
export const answerReserveMs = 50;

/** `KeyResource.state` of an active key. */
export const activeState = 1;
/** `KeyResource.state` of a disabled key. */
export const suspendedState = 2;
/** `KeyResource.state` of a deleted key. */
export const destroyedState = 5;

/**
 * The operations of one Key Protect instance that the handlers use: one per operation of its REST
 * API, with decoded results. Every method settles by the call's deadline and rejects with a
 * `KeyProtectError` or an `UpstreamError`.
 */
export interface KeyProtect {
  createKey(call: CallContext, params: CreateKeyParams): Promise<KeyResource>;
  /** At most `limit` keys, starting at `offset`, in the order of the query. */
  listKeys(
    call: CallContext,
    page: { limit: number; offset: number; query?: KeyQuery },
  ): Promise<KeyPage>;
  countKeys(call: CallContext, query?: KeyQuery): Promise<number>;
  /** Metadata only: `payload` is never set. */
  getKey(call: CallContext, keyId: string): Promise<KeyResource>;
  /** Metadata and, for a standard key, `payload`. */
  getKeyMaterial(call: CallContext, keyId: string): Promise<KeyResource>;
  /** The deleted key if `prefer` is `representation` and the upstream sent it. */
  deleteKey(
    call: CallContext,
    keyId: string,
    options: { prefer: Preference; force: boolean },
  ): Promise<KeyResource | undefined>;
  /** The key as it is after the move. */
  moveKey(call: CallContext, keyId: string, targetRingId: string): Promise<KeyResource>;
  changeKey(call: CallContext, keyId: string, change: KeyChange): Promise<void>;
  restoreKey(call: CallContext, keyId: string, prefer: Preference): Promise<KeyResource>;
  purgeKey(call: CallContext, keyId: string): Promise<void>;
  /** At most `limit` versions, starting at `offset`, the newest first. */
  listKeyVersions(
    call: CallContext,
    keyId: string,
    window: Window,
  ): Promise<ResourcePage<KeyVersionResource>>;
  /** Without `plaintext` the service generates 32 bytes and returns them. */
  wrapKey(
    call: CallContext,
    keyId: string,
    body: { plaintext?: Buffer; aad: readonly string[] },
  ): Promise<WrapResult>;
  unwrapKey(
    call: CallContext,
    keyId: string,
    body: { ciphertext: Buffer; aad: readonly string[] },
  ): Promise<UnwrapResult>;
  /** The same data encryption key, wrapped with the newest version of the key. */
  rewrapKey(
    call: CallContext,
    keyId: string,
    body: { ciphertext: Buffer; aad: readonly string[] },
  ): Promise<RewrapResult>;
  rotateKey(
    call: CallContext,
    keyId: string,
    material: ImportedMaterial | undefined,
  ): Promise<void>;
  /** The policies of one kind, or of every kind. */
  getKeyPolicies(
    call: CallContext,
    keyId: string,
    kind?: PolicyChange["kind"],
  ): Promise<readonly PolicyResource[]>;
  replaceKeyPolicies(
    call: CallContext,
    keyId: string,
    policies: readonly PolicyChange[],
  ): Promise<ReplacedPolicies>;
  /** The policies of one kind, or of every kind. */
  getInstancePolicies(
    call: CallContext,
    kind?: InstancePolicyType,
  ): Promise<readonly InstancePolicyResource[]>;
  replaceInstancePolicies(
    call: CallContext,
    policies: readonly InstancePolicyChange[],
  ): Promise<void>;
  /** `undefined` if no policy limits the addresses. */
  getPrivateEndpointPort(call: CallContext): Promise<number | undefined>;
  createAlias(call: CallContext, keyId: string, alias: string): Promise<AliasResource>;
  deleteAlias(call: CallContext, keyId: string, alias: string): Promise<void>;
  listKeyRings(call: CallContext, window: Window): Promise<ResourcePage<KeyRingResource>>;
  createKeyRing(call: CallContext, keyRingId: string): Promise<void>;
  deleteKeyRing(call: CallContext, keyRingId: string, force: boolean): Promise<void>;
  listRegistrations(
    call: CallContext,
    window: Window & { readonly query?: RegistrationQuery },
  ): Promise<ResourcePage<RegistrationResource>>;
  createLocker(
    call: CallContext,
    params: { expirationSeconds: number; maxAllowedRetrievals: number },
  ): Promise<LockerResource>;
  /**
   * The instance's lockers: at most one. `UNSUPPORTED` in the current dialect, where every read
   * uses up a retrieval.
   */
  listLockers(call: CallContext): Promise<readonly LockerResource[]>;
  /** Uses up one retrieval. */
  retrieveLocker(call: CallContext, lockerId: string): Promise<LockerKeyResource>;
  listKmipAdapters(
    call: CallContext,
    window: Window & { readonly rootKeyId?: string | undefined },
  ): Promise<ResourcePage<KmipAdapterResource>>;
  createKmipAdapter(
    call: CallContext,
    params: CreateKmipAdapterParams,
  ): Promise<KmipAdapterResource>;
  getKmipAdapter(call: CallContext, adapter: string): Promise<KmipAdapterResource>;
  deleteKmipAdapter(call: CallContext, adapter: string): Promise<void>;
  listKmipObjects(
    call: CallContext,
    adapter: string,
    window: Window & { readonly states?: readonly number[] },
  ): Promise<ResourcePage<KmipObjectResource>>;
  getKmipObject(call: CallContext, adapter: string, id: string): Promise<KmipObjectResource>;
  deleteKmipObject(call: CallContext, adapter: string, id: string, force: boolean): Promise<void>;
  listKmipCertificates(
    call: CallContext,
    adapter: string,
    window: Window,
  ): Promise<ResourcePage<KmipCertificateResource>>;
  addKmipCertificate(
    call: CallContext,
    adapter: string,
    params: AddKmipCertificateParams,
  ): Promise<KmipCertificateResource>;
  getKmipCertificate(
    call: CallContext,
    adapter: string,
    certificate: string,
  ): Promise<KmipCertificateResource>;
  deleteKmipCertificate(call: CallContext, adapter: string, certificate: string): Promise<void>;
}
