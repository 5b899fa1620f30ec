/** Request messages with defaults for the fields that a test does not set. */
import {
  KeyType,
  ReturnPreference,
  type EncryptedKeyMaterial,
} from "../../src/gen/keyprotect/v1/key.ts";
import type {
  GenerateDataKeyRequest,
  RewrapKeyRequest,
  RotateKeyRequest,
  UnwrapKeyRequest,
  WrapKeyRequest,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import type {
  CreateKeyRequest,
  CountKeysRequest,
  DeleteKeyRequest,
  ListKeysRequest,
} from "../../src/gen/keyprotect/v1/keys_service.ts";
import type { InstancePolicy } from "../../src/gen/keyprotect/v1/instance_policies_service.ts";
import type { KeyPolicy } from "../../src/gen/keyprotect/v1/policy.ts";
import type { TestGateway } from "./start-gateway.ts";

/** Requests a root key of generated material. */
export const createKeyRequest = (overrides: Partial<CreateKeyRequest> = {}): CreateKeyRequest => ({
  name: "orders",
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
  ...overrides,
});

/** The request of CountKeys for all keys. */
export const allKeys: CountKeysRequest = { states: [], types: [], filter: "" };

export const listKeysRequest = (overrides: Partial<ListKeysRequest> = {}): ListKeysRequest => ({
  pageSize: 0,
  pageToken: "",
  skip: 0,
  states: [],
  types: [],
  search: "",
  orderBy: "",
  filter: "",
  includeTotal: false,
  ...overrides,
});

export const plainMaterial = (value: Buffer): { $case: "keyMaterial"; value: Buffer } => ({
  $case: "keyMaterial",
  value,
});

export const encryptedMaterial = (
  value: EncryptedKeyMaterial,
): { $case: "encryptedKeyMaterial"; value: EncryptedKeyMaterial } => ({
  $case: "encryptedKeyMaterial",
  value,
});

export const deleteKeyRequest = (
  keyId: string,
  overrides: Partial<DeleteKeyRequest> = {},
): DeleteKeyRequest => ({
  keyId,
  returnPreference: ReturnPreference.UNSPECIFIED,
  allowMissing: false,
  force: false,
  ...overrides,
});

export const wrapKeyRequest = (
  keyId: string,
  plaintext: Buffer,
  additionalAuthenticatedData: string[] = [],
): WrapKeyRequest => ({ keyId, plaintext, additionalAuthenticatedData });

export const generateDataKeyRequest = (
  keyId: string,
  overrides: Partial<GenerateDataKeyRequest> = {},
): GenerateDataKeyRequest => ({
  keyId,
  additionalAuthenticatedData: [],
  omitPlaintext: false,
  ...overrides,
});

export const unwrapKeyRequest = (
  keyId: string,
  ciphertext: Buffer,
  additionalAuthenticatedData: string[] = [],
): UnwrapKeyRequest => ({ keyId, ciphertext, additionalAuthenticatedData });

/** Requests a rotation to generated material. */
export const rewrapKeyRequest = (
  keyId: string,
  ciphertext: Buffer,
  additionalAuthenticatedData: string[] = [],
): RewrapKeyRequest => ({ keyId, ciphertext, additionalAuthenticatedData });

export const rotateKeyRequest = (
  keyId: string,
  overrides: Partial<RotateKeyRequest> = {},
): RotateKeyRequest => ({
  keyId,
  material: undefined,
  requestId: "",
  returnPreference: ReturnPreference.UNSPECIFIED,
  ...overrides,
});

const noPolicy: Omit<KeyPolicy, "kind"> = {
  crn: "",
  createTime: undefined,
  updateTime: undefined,
  createdBy: "",
  updatedBy: "",
};

export const rotationPolicy = (intervalMonths: number, enabled?: boolean): KeyPolicy => ({
  ...noPolicy,
  kind: { $case: "rotation", value: { intervalMonths, enabled } },
});

export const dualAuthPolicy = (enabled: boolean): KeyPolicy => ({
  ...noPolicy,
  kind: { $case: "dualAuthDelete", value: { enabled } },
});

/** A policy of an instance, enabled unless something else is said. */
export const instancePolicy = (
  kind: InstancePolicy["kind"],
  enabled: boolean | undefined = true,
): InstancePolicy => ({
  enabled,
  createTime: undefined,
  updateTime: undefined,
  createdBy: "",
  updatedBy: "",
  kind,
});

/** Creates a key and returns its ID. */
export async function createKeyId(
  gateway: TestGateway,
  overrides: Partial<CreateKeyRequest> = {},
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { key } = await gateway.call(
    gateway.clients.keys,
    "createKey",
    createKeyRequest(overrides),
    { metadata },
  );
  if (key === undefined) throw new Error("a key was created, but not returned");
  return key.id;
}
