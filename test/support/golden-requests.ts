/**
 * A valid request of each RPC as the bytes on the wire, and means to make it invalid: other fields,
 * or bytes that no generated client would send. Fields that come later in a message win, so
 * appended fields replace earlier ones.
 */
import { allKeys, instancePolicy } from "./requests.ts";
import type { CallOptions, Client, ClientUnaryCall, Metadata, ServiceError } from "@grpc/grpc-js";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  CreateAliasRequest,
  DeleteAliasRequest,
} from "../../src/gen/keyprotect/v1/aliases_service.ts";
import {
  GetInstancePoliciesRequest,
  GetPrivateEndpointPortRequest,
  ReplaceInstancePoliciesRequest,
} from "../../src/gen/keyprotect/v1/instance_policies_service.ts";
import {
  CreateKeyRingRequest,
  DeleteKeyRingRequest,
  ListKeyRingsRequest,
} from "../../src/gen/keyprotect/v1/key_rings_service.ts";
import {
  CreateAdapterRequest,
  DeleteAdapterRequest,
  GetAdapterRequest,
  ListAdaptersRequest,
} from "../../src/gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import {
  AddCertificateRequest,
  DeleteCertificateRequest,
  GetCertificateRequest,
  ListCertificatesRequest,
} from "../../src/gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import {
  DeleteObjectRequest,
  GetObjectRequest,
  ListObjectsRequest,
} from "../../src/gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import { ListRegistrationsRequest } from "../../src/gen/keyprotect/v1/registrations_service.ts";
import {
  BatchRewrapKeyRequest,
  BatchUnwrapKeyRequest,
  BatchWrapKeyRequest,
  GenerateDataKeyRequest,
  RewrapKeyRequest,
  RewrapStreamRequest,
  RotateKeyRequest,
  UnwrapKeyRequest,
  WrapKeyRequest,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import {
  CancelKeyDeletionRequest,
  CountKeysRequest,
  CreateKeyRequest,
  DeleteKeyRequest,
  DisableKeyRequest,
  EnableKeyRequest,
  GetKeyMaterialRequest,
  GetKeyRequest,
  ListKeysRequest,
  ListKeyVersionsRequest,
  PurgeKeyRequest,
  RestoreKeyRequest,
  ScheduleKeyDeletionRequest,
  SyncKeyRequest,
  UpdateKeyRequest,
} from "../../src/gen/keyprotect/v1/keys_service.ts";
import {
  CreateLockerRequest,
  ListLockersRequest,
  RetrieveLockerRequest,
} from "../../src/gen/keyprotect/v1/lockers_service.ts";
import {
  GetKeyPoliciesRequest,
  ReplaceKeyPoliciesRequest,
} from "../../src/gen/keyprotect/v1/policies_service.ts";

import { createCertificateAuthority } from "./certificates.ts";

/** A request as the bytes on the wire. */
export interface WireRequest {
  /** Path of the RPC, for example `/keyprotect.v1.KeysService/CreateKey`. */
  readonly path: string;
  readonly message: Buffer;
}

/**
 * Creates requests of one RPC: the valid one, with the given fields replaced and bytes appended.
 */
export type Golden<Req> = (change?: Partial<Req>, appended?: Buffer) => WireRequest;

/** ID of a key that exists in no instance. */
export const absentKeyId = "0f5c2f0e-6f0a-4a55-9d0b-0d6f4f4f2a11";
/** ID of a KMIP object that exists in no adapter. */
export const absentObjectId = "5b1d3f0a-6f0a-4a55-9d0b-0d6f4f4f2a33";
/** ID of a locker that exists in no instance. */
export const absentLockerId = "7d1a4ad5-5a5a-4a55-9d0b-0d6f4f4f2a22";

const golden =
  <Req>(
    path: string,
    codec: { encode(message: Req): { finish(): Uint8Array } },
    good: Req,
  ): Golden<Req> =>
  (change = {}, appended = Buffer.alloc(0)) => ({
    path,
    message: Buffer.concat([codec.encode({ ...good, ...change }).finish(), appended]),
  });

const keys = "/keyprotect.v1.KeysService";
const actions = "/keyprotect.v1.KeyActionsService";
const policies = "/keyprotect.v1.PoliciesService";
const instancePolicies = "/keyprotect.v1.InstancePoliciesService";
const aliases = "/keyprotect.v1.AliasesService";
const rings = "/keyprotect.v1.KeyRingsService";
const registrations = "/keyprotect.v1.RegistrationsService";
const lockers = "/keyprotect.v1.LockersService";
const kmipAdapters = "/keyprotect.kmip.v1.KmipAdaptersService";
const kmipObjects = "/keyprotect.kmip.v1.KmipObjectsService";
const kmipCertificates = "/keyprotect.kmip.v1.KmipCertificatesService";
const adapter = "vmware";
/** A certificate that no adapter has. */
export const absentCertificate = createCertificateAuthority().issue();
const keyId = absentKeyId;
const keyChange = { keyId, returnPreference: ReturnPreference.UNSPECIFIED };

const ciphertextItem = {
  keyId,
  ciphertext: Buffer.from("ciphertext"),
  additionalAuthenticatedData: [],
};

/** One function per RPC of the contract. */
export const goldenRequests = {
  CreateKey: golden<CreateKeyRequest>(`${keys}/CreateKey`, CreateKeyRequest, {
    name: "golden key",
    type: KeyType.ROOT,
    description: "",
    tags: [],
    expireTime: undefined,
    material: undefined,
    returnPreference: ReturnPreference.UNSPECIFIED,
    requestId: "",
    keyRingId: "",
    aliases: [],
    policyOverrides: undefined,
  }),
  ListKeys: golden<ListKeysRequest>(`${keys}/ListKeys`, ListKeysRequest, {
    pageSize: 0,
    pageToken: "",
    skip: 0,
    states: [],
    types: [],
    search: "",
    orderBy: "",
    filter: "",
    includeTotal: false,
  }),
  CountKeys: golden<CountKeysRequest>(`${keys}/CountKeys`, CountKeysRequest, allKeys),
  GetKey: golden<GetKeyRequest>(`${keys}/GetKey`, GetKeyRequest, { keyId }),
  GetKeyMaterial: golden<GetKeyMaterialRequest>(`${keys}/GetKeyMaterial`, GetKeyMaterialRequest, {
    keyId,
  }),
  DeleteKey: golden<DeleteKeyRequest>(`${keys}/DeleteKey`, DeleteKeyRequest, {
    keyId,
    returnPreference: ReturnPreference.UNSPECIFIED,
    allowMissing: false,
    force: false,
  }),
  UpdateKey: golden<UpdateKeyRequest>(`${keys}/UpdateKey`, UpdateKeyRequest, {
    keyId,
    keyRingId: "orders",
    updateMask: undefined,
  }),
  RestoreKey: golden<RestoreKeyRequest>(`${keys}/RestoreKey`, RestoreKeyRequest, keyChange),
  PurgeKey: golden<PurgeKeyRequest>(`${keys}/PurgeKey`, PurgeKeyRequest, {
    keyId,
    allowMissing: false,
  }),
  EnableKey: golden<EnableKeyRequest>(`${keys}/EnableKey`, EnableKeyRequest, keyChange),
  DisableKey: golden<DisableKeyRequest>(`${keys}/DisableKey`, DisableKeyRequest, keyChange),
  ScheduleKeyDeletion: golden<ScheduleKeyDeletionRequest>(
    `${keys}/ScheduleKeyDeletion`,
    ScheduleKeyDeletionRequest,
    keyChange,
  ),
  CancelKeyDeletion: golden<CancelKeyDeletionRequest>(
    `${keys}/CancelKeyDeletion`,
    CancelKeyDeletionRequest,
    keyChange,
  ),
  SyncKey: golden<SyncKeyRequest>(`${keys}/SyncKey`, SyncKeyRequest, keyChange),
  ListKeyVersions: golden<ListKeyVersionsRequest>(
    `${keys}/ListKeyVersions`,
    ListKeyVersionsRequest,
    { keyId, pageSize: 0, pageToken: "" },
  ),
  WrapKey: golden<WrapKeyRequest>(`${actions}/WrapKey`, WrapKeyRequest, {
    keyId,
    plaintext: Buffer.alloc(32, 1),
    additionalAuthenticatedData: [],
  }),
  GenerateDataKey: golden<GenerateDataKeyRequest>(
    `${actions}/GenerateDataKey`,
    GenerateDataKeyRequest,
    { keyId, additionalAuthenticatedData: [], omitPlaintext: false },
  ),
  UnwrapKey: golden<UnwrapKeyRequest>(`${actions}/UnwrapKey`, UnwrapKeyRequest, {
    keyId,
    ciphertext: Buffer.from("ciphertext"),
    additionalAuthenticatedData: [],
  }),
  RotateKey: golden<RotateKeyRequest>(`${actions}/RotateKey`, RotateKeyRequest, {
    keyId,
    material: undefined,
    requestId: "",
    returnPreference: ReturnPreference.UNSPECIFIED,
  }),
  RewrapKey: golden<RewrapKeyRequest>(`${actions}/RewrapKey`, RewrapKeyRequest, {
    keyId,
    ciphertext: Buffer.from("ciphertext"),
    additionalAuthenticatedData: [],
  }),
  BatchWrapKey: golden<BatchWrapKeyRequest>(`${actions}/BatchWrapKey`, BatchWrapKeyRequest, {
    items: [{ keyId, plaintext: Buffer.alloc(32, 1), additionalAuthenticatedData: [] }],
  }),
  BatchUnwrapKey: golden<BatchUnwrapKeyRequest>(
    `${actions}/BatchUnwrapKey`,
    BatchUnwrapKeyRequest,
    { items: [ciphertextItem] },
  ),
  BatchRewrapKey: golden<BatchRewrapKeyRequest>(
    `${actions}/BatchRewrapKey`,
    BatchRewrapKeyRequest,
    { items: [ciphertextItem] },
  ),
  RewrapStream: golden<RewrapStreamRequest>(`${actions}/RewrapStream`, RewrapStreamRequest, {
    message: { $case: "item", value: { itemId: "", ...ciphertextItem } },
  }),
  GetKeyPolicies: golden<GetKeyPoliciesRequest>(
    `${policies}/GetKeyPolicies`,
    GetKeyPoliciesRequest,
    { keyId, kind: 0 },
  ),
  ReplaceKeyPolicies: golden<ReplaceKeyPoliciesRequest>(
    `${policies}/ReplaceKeyPolicies`,
    ReplaceKeyPoliciesRequest,
    {
      keyId,
      policies: [
        {
          crn: "",
          createTime: undefined,
          updateTime: undefined,
          createdBy: "",
          updatedBy: "",
          kind: { $case: "rotation", value: { intervalMonths: 3 } },
        },
      ],
    },
  ),
  GetInstancePolicies: golden<GetInstancePoliciesRequest>(
    `${instancePolicies}/GetInstancePolicies`,
    GetInstancePoliciesRequest,
    { kind: 0 },
  ),
  ReplaceInstancePolicies: golden<ReplaceInstancePoliciesRequest>(
    `${instancePolicies}/ReplaceInstancePolicies`,
    ReplaceInstancePoliciesRequest,
    { policies: [instancePolicy({ $case: "metrics", value: {} })], acceptLockout: false },
  ),
  GetPrivateEndpointPort: golden<GetPrivateEndpointPortRequest>(
    `${instancePolicies}/GetPrivateEndpointPort`,
    GetPrivateEndpointPortRequest,
    {},
  ),
  CreateAlias: golden<CreateAliasRequest>(`${aliases}/CreateAlias`, CreateAliasRequest, {
    keyId,
    alias: "orders",
  }),
  DeleteAlias: golden<DeleteAliasRequest>(`${aliases}/DeleteAlias`, DeleteAliasRequest, {
    keyId,
    alias: "orders",
    allowMissing: false,
  }),
  ListKeyRings: golden<ListKeyRingsRequest>(`${rings}/ListKeyRings`, ListKeyRingsRequest, {
    pageSize: 0,
    pageToken: "",
  }),
  CreateKeyRing: golden<CreateKeyRingRequest>(`${rings}/CreateKeyRing`, CreateKeyRingRequest, {
    keyRingId: "orders",
  }),
  DeleteKeyRing: golden<DeleteKeyRingRequest>(`${rings}/DeleteKeyRing`, DeleteKeyRingRequest, {
    keyRingId: "orders",
    force: false,
    allowMissing: false,
  }),
  ListRegistrations: golden<ListRegistrationsRequest>(
    `${registrations}/ListRegistrations`,
    ListRegistrationsRequest,
    {
      keyId,
      resourceCrnPattern: "",
      preventsKeyDeletion: undefined,
      pageSize: 0,
      pageToken: "",
    },
  ),
  CreateLocker: golden<CreateLockerRequest>(`${lockers}/CreateLocker`, CreateLockerRequest, {
    ttl: undefined,
    maxAllowedRetrievals: 0,
  }),
  ListLockers: golden<ListLockersRequest>(`${lockers}/ListLockers`, ListLockersRequest, {
    pageSize: 0,
    pageToken: "",
  }),
  RetrieveLocker: golden<RetrieveLockerRequest>(
    `${lockers}/RetrieveLocker`,
    RetrieveLockerRequest,
    { lockerId: absentLockerId },
  ),
  ListAdapters: golden<ListAdaptersRequest>(`${kmipAdapters}/ListAdapters`, ListAdaptersRequest, {
    rootKeyId: "",
    pageSize: 0,
    pageToken: "",
  }),
  CreateAdapter: golden<CreateAdapterRequest>(
    `${kmipAdapters}/CreateAdapter`,
    CreateAdapterRequest,
    { name: adapter, description: "", profile: "", rootKeyId: keyId, allowExpiringKey: false },
  ),
  GetAdapter: golden<GetAdapterRequest>(`${kmipAdapters}/GetAdapter`, GetAdapterRequest, {
    adapter,
  }),
  DeleteAdapter: golden<DeleteAdapterRequest>(
    `${kmipAdapters}/DeleteAdapter`,
    DeleteAdapterRequest,
    { adapter, allowMissing: false },
  ),
  ListObjects: golden<ListObjectsRequest>(`${kmipObjects}/ListObjects`, ListObjectsRequest, {
    adapter,
    states: [],
    pageSize: 0,
    pageToken: "",
  }),
  GetObject: golden<GetObjectRequest>(`${kmipObjects}/GetObject`, GetObjectRequest, {
    adapter,
    objectId: absentObjectId,
  }),
  DeleteObject: golden<DeleteObjectRequest>(`${kmipObjects}/DeleteObject`, DeleteObjectRequest, {
    adapter,
    objectId: absentObjectId,
    force: false,
    allowMissing: false,
  }),
  ListCertificates: golden<ListCertificatesRequest>(
    `${kmipCertificates}/ListCertificates`,
    ListCertificatesRequest,
    { adapter, pageSize: 0, pageToken: "" },
  ),
  AddCertificate: golden<AddCertificateRequest>(
    `${kmipCertificates}/AddCertificate`,
    AddCertificateRequest,
    { adapter, name: "esx-1", certificatePem: absentCertificate.cert },
  ),
  GetCertificate: golden<GetCertificateRequest>(
    `${kmipCertificates}/GetCertificate`,
    GetCertificateRequest,
    { adapter, certificate: "esx-1" },
  ),
  DeleteCertificate: golden<DeleteCertificateRequest>(
    `${kmipCertificates}/DeleteCertificate`,
    DeleteCertificateRequest,
    { adapter, certificate: "esx-1", allowMissing: false },
  ),
} as const;

/** Name of an RPC. */
export type RpcName = keyof typeof goldenRequests;

const delimited = 2;

/** Encodes single fields. */
export const wireField = {
  /** An enum value or integer. A negative one takes ten bytes, as protobuf requires. */
  number: (field: number, value: number | bigint): Buffer =>
    Buffer.from(
      new BinaryWriter()
        .uint32(field << 3)
        .int64(value)
        .finish(),
    ),
  /** A string, bytes or message field with any content. */
  bytes: (field: number, content: Uint8Array): Buffer =>
    Buffer.from(
      new BinaryWriter()
        .uint32((field << 3) | delimited)
        .bytes(content)
        .finish(),
    ),
} as const;

const asItIs = (bytes: Buffer): Buffer => bytes;

/** Creates a client of one RPC whose messages are bytes, for calls through the test gateway. */
export function wireClient(
  client: Client,
  path: string,
  addTo: (metadata: Metadata) => void = () => {},
) {
  return {
    send(
      message: Buffer,
      metadata: Metadata,
      options: Partial<CallOptions>,
      callback: (error: ServiceError | null, response: Buffer) => void,
    ): ClientUnaryCall {
      addTo(metadata);
      return client.makeUnaryRequest(
        path,
        asItIs,
        asItIs,
        message,
        metadata,
        options,
        (error, response = Buffer.alloc(0)) => callback(error, response),
      );
    },
  };
}
