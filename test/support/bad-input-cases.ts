/**
 * Requests that break a rule of the contract, and the violations that the gateway has to report.
 */
import { Timestamp } from "../../src/gen/google/protobuf/timestamp.ts";
import { KeyType, type EncryptedKeyMaterial } from "../../src/gen/keyprotect/v1/key.ts";
import type {
  InstanceKeyCreateImportAccess,
  InstancePolicy,
} from "../../src/gen/keyprotect/v1/instance_policies_service.ts";
import type { KeyPolicy } from "../../src/gen/keyprotect/v1/policy.ts";
import { instancePolicy } from "./requests.ts";
import {
  absentCertificate,
  goldenRequests as golden,
  wireField,
  type WireRequest,
} from "./golden-requests.ts";

/** A violation: field path and reason. */
export type Found = readonly [field: string, reason: string];

/** Returns fresh bytes that must not appear outside of messages. */
export type SecretBytes = (length: number) => Buffer;

/** A bad request. `secret` creates its confidential fields. */
export interface BadInput {
  readonly title: string;
  readonly request: (secret: SecretBytes) => WireRequest;
  /** All violations, in the order of the response. */
  readonly found: readonly Found[];
  /** The dialect, if the answer depends on it. */
  readonly dialect?: "2019" | "current";
}

/** Texts that never name a key, even after decoding, joining to a path or comparison. */
export const badKeyIds: readonly (readonly [id: string | Buffer, reason: string])[] = [
  ["", "REQUIRED"],
  ...[
    "a",
    "x".repeat(91),
    "x".repeat(100_000),
    ".",
    "..",
    "../x",
    "../../v2/instance",
    "..%2f",
    "..\\x",
    "%2e%2e",
    "%252e%252e",
    "a/b",
    "a//b",
    "/etc",
    "a%2Fb",
    "a?x",
    "a?action=wrap",
    "a#x",
    "a;b",
    "a&b=c",
    "a b",
    " ab",
    "ab ",
    "ab\n",
    "ab\r\nx-evil: 1",
    "ab\0",
    "\0ab",
    "a.b",
    "-ab",
    "_ab",
    "*",
    "кey1",
    "ｋｅｙ１",
    "a\u2044b",
    "a\u2215b",
    "a\uff0fb",
    "a\u200bb",
    "a\u202eb",
    "ke\u0301y",
    "key🔑",
    "{11111111-2222-4333-8444-555555555555}",
    Buffer.from([0x61, 0xc0, 0xaf, 0x62]),
    Buffer.from([0x61, 0xed, 0xa0, 0x80]),
    Buffer.from([0x61, 0x62, 0xff]),
  ].map((id) => [id, "FORMAT_INVALID"] as const),
  ...[
    "allowed_ip",
    "key",
    "keys",
    "metadata",
    "policy",
    "policies",
    "registration",
    "registrations",
    "ring",
    "rings",
    "rotate",
    "wrap",
    "unwrap",
    "rewrap",
    "version",
    "versions",
  ].map((id) => [id, "RESERVED_WORD"] as const),
];

/** Texts that never name a locker, because they are not UUIDs. */
export const badLockerIds: readonly (readonly [id: string | Buffer, reason: string])[] = [
  ...badKeyIds.map(([id, reason]) => [id, id === "" ? reason : "FORMAT_INVALID"] as const),
  ["an-alias", "FORMAT_INVALID"],
  ["11111111222243338444555555555555", "FORMAT_INVALID"],
  ["11111111-2222-4333-8444-55555555555g", "FORMAT_INVALID"],
  ["11111111-2222-4333-8444-555555555555/", "FORMAT_INVALID"],
  ["11111111-2222-4333-8444-555555555555\n", "FORMAT_INVALID"],
];

const notUtf8 = [
  ["a lone surrogate", Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x62])],
  ["an overlong slash", Buffer.from([0x61, 0xc0, 0xaf, 0x62])],
  ["a cut sequence", Buffer.from([0x61, 0x62, 0xf0, 0x9f, 0x94])],
  ["a replacement character", Buffer.from("ab\ufffd")],
] as const;

const policy = (kind: KeyPolicy["kind"]): KeyPolicy => ({
  crn: "",
  createTime: undefined,
  updateTime: undefined,
  createdBy: "",
  updatedBy: "",
  kind,
});
const rotation = (intervalMonths: number, enabled?: boolean): KeyPolicy =>
  policy({ $case: "rotation", value: { intervalMonths, enabled } });
const dualAuth = policy({ $case: "dualAuthDelete", value: { enabled: true } });

const of2019 = (secret: SecretBytes): EncryptedKeyMaterial => ({
  ciphertext: secret(512),
  importToken: Buffer.from("token"),
  encryptedNonce: Buffer.alloc(0),
  initializationVector: Buffer.alloc(0),
  algorithm: 1,
});
const ofToday = (secret: SecretBytes): EncryptedKeyMaterial => ({
  ciphertext: secret(512),
  importToken: Buffer.alloc(0),
  encryptedNonce: secret(32),
  initializationVector: secret(12),
  algorithm: 1,
});

type Material = (secret: SecretBytes) => EncryptedKeyMaterial;

/** Requests of both RPCs that import, with the same encrypted material. */
const encrypted = (
  title: string,
  dialect: "2019" | "current" | undefined,
  material: Material,
  ...found: readonly Found[]
): readonly BadInput[] =>
  (["CreateKey", "RotateKey"] as const).map((rpc) => ({
    title: `${rpc}: encrypted_key_material with ${title}`,
    request: (secret) =>
      golden[rpc]({ material: { $case: "encryptedKeyMaterial", value: material(secret) } }),
    found: found.map(([at, reason]) => [`encrypted_key_material${at}`, reason] as const),
    ...(dialect === undefined ? {} : { dialect }),
  }));

const bad = (
  title: string,
  request: BadInput["request"],
  ...found: readonly Found[]
): BadInput => ({
  title,
  request,
  found,
});

const standardKey = (length: number) => (secret: SecretBytes) =>
  golden.CreateKey({
    type: KeyType.STANDARD,
    material: { $case: "keyMaterial", value: secret(length) },
  });

/** `expire_time` as seconds and nanoseconds, in or out of the range of a `Timestamp`. */
const expiring =
  (seconds: bigint, nanos = 0) =>
  (): WireRequest =>
    golden.CreateKey({}, wireField.bytes(5, Timestamp.encode({ seconds, nanos }).finish()));
const lifetime =
  (seconds: bigint, nanos = 0) =>
  (): WireRequest =>
    golden.CreateLocker({ ttl: { seconds, nanos } });

const createKey: readonly BadInput[] = [
  bad("CreateKey: no name", () => golden.CreateKey({ name: "" }), ["name", "REQUIRED"]),
  bad("CreateKey: a name of 1", () => golden.CreateKey({ name: "🔑" }), ["name", "TOO_SHORT"]),
  bad("CreateKey: a name of 91", () => golden.CreateKey({ name: "n".repeat(91) }), [
    "name",
    "TOO_LONG",
  ]),
  bad("CreateKey: a name of 100 KB", () => golden.CreateKey({ name: "n".repeat(100_000) }), [
    "name",
    "TOO_LONG",
  ]),
  ...["a\0b", "a\nb", "a\u001b[31mb", "a\u007fb", "a\u0085b"].map((name) =>
    bad(`CreateKey: the name ${JSON.stringify(name)}`, () => golden.CreateKey({ name }), [
      "name",
      "CHARACTER_FORBIDDEN",
    ]),
  ),
  ...notUtf8.flatMap(([what, bytes]) => [
    bad(`CreateKey: ${what} in the name`, () => golden.CreateKey({}, wireField.bytes(1, bytes)), [
      "name",
      "MALFORMED_UNICODE",
    ]),
    bad(
      `CreateKey: ${what} in the description`,
      () => golden.CreateKey({}, wireField.bytes(3, bytes)),
      ["description", "MALFORMED_UNICODE"],
    ),
    bad(`CreateKey: ${what} in a tag`, () => golden.CreateKey({}, wireField.bytes(4, bytes)), [
      "tags[0]",
      "MALFORMED_UNICODE",
    ]),
    ...(["WrapKey", "UnwrapKey"] as const).map((rpc) =>
      bad(`${rpc}: ${what} in the AAD`, () => golden[rpc]({}, wireField.bytes(3, bytes)), [
        "additional_authenticated_data[0]",
        "MALFORMED_UNICODE",
      ]),
    ),
    bad(
      `GenerateDataKey: ${what} in the AAD`,
      () => golden.GenerateDataKey({}, wireField.bytes(2, bytes)),
      ["additional_authenticated_data[0]", "MALFORMED_UNICODE"],
    ),
  ]),
  bad("CreateKey: no type", () => golden.CreateKey({ type: KeyType.UNSPECIFIED }), [
    "type",
    "REQUIRED",
  ]),
  ...[3, -1, 2 ** 31 - 1, -(2 ** 31)].map((type) =>
    bad(`CreateKey: type ${type}`, () => golden.CreateKey({}, wireField.number(2, type)), [
      "type",
      "UNKNOWN_VALUE",
    ]),
  ),
  bad("CreateKey: a description of 1", () => golden.CreateKey({ description: "d" }), [
    "description",
    "TOO_SHORT",
  ]),
  bad("CreateKey: a description of 241", () => golden.CreateKey({ description: "d".repeat(241) }), [
    "description",
    "TOO_LONG",
  ]),
  bad("CreateKey: 31 tags", () => golden.CreateKey({ tags: Array<string>(31).fill("tag") }), [
    "tags",
    "TOO_MANY",
  ]),
  bad("CreateKey: 20,000 tags", () => golden.CreateKey({ tags: Array<string>(20_000).fill("t") }), [
    "tags",
    "TOO_MANY",
  ]),
  bad("CreateKey: an empty tag", () => golden.CreateKey({ tags: ["good", ""] }), [
    "tags[1]",
    "REQUIRED",
  ]),
  bad("CreateKey: a tag of 31", () => golden.CreateKey({ tags: ["t".repeat(31)] }), [
    "tags[0]",
    "TOO_LONG",
  ]),
  ...["<", ">", ",", ":", "&", "|"].map((character) =>
    bad(
      `CreateKey: a tag with ${character}`,
      () => golden.CreateKey({ tags: [`a${character}b`] }),
      ["tags[0]", "CHARACTER_FORBIDDEN"],
    ),
  ),
  bad("CreateKey: expiry in 1970", expiring(0n), ["expire_time", "NOT_IN_FUTURE"]),
  bad("CreateKey: expiry before 1970", expiring(-1n), ["expire_time", "NOT_IN_FUTURE"]),
  bad("CreateKey: expiry before the year 1", expiring(-62_135_596_801n), [
    "expire_time",
    "NOT_IN_FUTURE",
  ]),
  bad("CreateKey: expiry in the year 10000", expiring(253_402_300_800n), [
    "expire_time",
    "FORMAT_INVALID",
  ]),
  bad("CreateKey: expiry beyond what a Date holds", expiring(8_640_000_000_001n), [
    "expire_time",
    "FORMAT_INVALID",
  ]),
  bad("CreateKey: the largest number of seconds", expiring(2n ** 63n - 1n), [
    "expire_time",
    "FORMAT_INVALID",
  ]),
  bad("CreateKey: the smallest number of seconds", expiring(-(2n ** 63n)), [
    "expire_time",
    "FORMAT_INVALID",
  ]),
  bad("CreateKey: expiry in 1970 with the most nanoseconds", expiring(0n, 2 ** 31 - 1), [
    "expire_time",
    "NOT_IN_FUTURE",
  ]),
  ...[3, -1].map((value) =>
    bad(
      `CreateKey: return preference ${value}`,
      () => golden.CreateKey({}, wireField.number(8, value)),
      ["return_preference", "UNKNOWN_VALUE"],
    ),
  ),
  bad("CreateKey: a request ID that is none", () => golden.CreateKey({ requestId: "again" }), [
    "request_id",
    "FORMAT_INVALID",
  ]),
];

const material: readonly BadInput[] = [
  ...[0, 1, 15, 17, 31, 33, 64, 4_096].flatMap((length) =>
    (["CreateKey", "RotateKey"] as const).map((rpc) =>
      bad(
        `${rpc}: material of ${length} bytes for a root key`,
        (secret) => golden[rpc]({ material: { $case: "keyMaterial", value: secret(length) } }),
        ["key_material", "LENGTH_INVALID"],
      ),
    ),
  ),
  bad("CreateKey: no material for a standard key", standardKey(0), ["key_material", "REQUIRED"]),
  bad("CreateKey: 7,501 bytes for a standard key", standardKey(7_501), [
    "key_material",
    "TOO_LONG",
  ]),
  bad(
    "CreateKey: encrypted material for a standard key",
    (secret) =>
      golden.CreateKey({
        type: KeyType.STANDARD,
        material: { $case: "encryptedKeyMaterial", value: ofToday(secret) },
      }),
    ["encrypted_key_material", "KEY_TYPE_MISMATCH"],
  ),
  ...[0, 511, 513, 4_096].flatMap((length) => [
    ...encrypted(
      `a ciphertext of ${length} bytes`,
      "current",
      (secret) => ({ ...ofToday(secret), ciphertext: secret(length) }),
      [".ciphertext", "LENGTH_INVALID"],
    ),
    ...encrypted(
      `a ciphertext of ${length} bytes`,
      "2019",
      (secret) => ({ ...of2019(secret), ciphertext: secret(length) }),
      [".ciphertext", "LENGTH_INVALID"],
    ),
  ]),
  ...encrypted("no algorithm", "current", (secret) => ({ ...ofToday(secret), algorithm: 0 }), [
    ".algorithm",
    "REQUIRED",
  ]),
  ...encrypted(
    "both an import token and a nonce",
    undefined,
    (secret) => ({ ...ofToday(secret), importToken: Buffer.from("token") }),
    ["", "CONFLICT"],
  ),
  ...encrypted("an import token for the current API", "current", of2019, [
    ".import_token",
    "UNSUPPORTED",
  ]),
  ...encrypted("a nonce for the API of 2019", "2019", ofToday, [".encrypted_nonce", "UNSUPPORTED"]),
  ...encrypted(
    "an initialization vector alone for the API of 2019",
    "2019",
    (secret) => ({ ...ofToday(secret), encryptedNonce: Buffer.alloc(0) }),
    [".initialization_vector", "UNSUPPORTED"],
  ),
  ...encrypted(
    "neither for the current API",
    "current",
    (secret) => ({ ...of2019(secret), importToken: Buffer.alloc(0) }),
    [".encrypted_nonce", "REQUIRED"],
    [".initialization_vector", "LENGTH_INVALID"],
  ),
  ...encrypted(
    "neither for the API of 2019",
    "2019",
    (secret) => ({ ...of2019(secret), importToken: Buffer.alloc(0) }),
    [".import_token", "REQUIRED"],
  ),
  ...encrypted(
    "nothing at all for the current API",
    "current",
    () => ({ ...of2019(() => Buffer.alloc(0)), importToken: Buffer.alloc(0), algorithm: 0 }),
    [".ciphertext", "LENGTH_INVALID"],
    [".algorithm", "REQUIRED"],
    [".encrypted_nonce", "REQUIRED"],
    [".initialization_vector", "LENGTH_INVALID"],
  ),
  ...[
    [15, "TOO_SHORT"],
    [65, "TOO_LONG"],
  ].flatMap(([length, reason]) =>
    encrypted(
      `a nonce of ${length} bytes`,
      "current",
      (secret) => ({ ...ofToday(secret), encryptedNonce: secret(Number(length)) }),
      [".encrypted_nonce", String(reason)],
    ),
  ),
  ...[0, 11, 13, 17].flatMap((length) =>
    encrypted(
      `an initialization vector of ${length} bytes`,
      "current",
      (secret) => ({ ...ofToday(secret), initializationVector: secret(length) }),
      [".initialization_vector", "LENGTH_INVALID"],
    ),
  ),
  ...encrypted(
    "an import token of 4,097 bytes",
    "2019",
    (secret) => ({ ...of2019(secret), importToken: Buffer.alloc(4_097, "t") }),
    [".import_token", "TOO_LONG"],
  ),
  ...[Buffer.from([0xff, 0xfe]), Buffer.from("a\r\nb"), Buffer.from("a\0")].flatMap((importToken) =>
    encrypted(
      `the import token ${JSON.stringify(importToken.toString("latin1"))}`,
      "2019",
      (secret) => ({ ...of2019(secret), importToken }),
      [".import_token", "FORMAT_INVALID"],
    ),
  ),
  bad("RotateKey: a request ID that is none", () => golden.RotateKey({ requestId: "again" }), [
    "request_id",
    "FORMAT_INVALID",
  ]),
  bad("RotateKey: return preference 3", () => golden.RotateKey({}, wireField.number(5, 3)), [
    "return_preference",
    "UNKNOWN_VALUE",
  ]),
];

const actions: readonly BadInput[] = [
  bad("WrapKey: no plaintext", () => golden.WrapKey({ plaintext: Buffer.alloc(0) }), [
    "plaintext",
    "REQUIRED",
  ]),
  ...[3_073, 100_000].map((length) =>
    bad(
      `WrapKey: ${length} bytes of plaintext`,
      (secret) => golden.WrapKey({ plaintext: secret(length) }),
      ["plaintext", "TOO_LONG"],
    ),
  ),
  bad("UnwrapKey: no ciphertext", () => golden.UnwrapKey({ ciphertext: Buffer.alloc(0) }), [
    "ciphertext",
    "REQUIRED",
  ]),
  bad(
    "UnwrapKey: 16,385 bytes of ciphertext",
    (secret) => golden.UnwrapKey({ ciphertext: secret(16_385) }),
    ["ciphertext", "TOO_LONG"],
  ),
  ...(["WrapKey", "UnwrapKey", "GenerateDataKey"] as const).flatMap((rpc) => [
    bad(
      `${rpc}: 127 additional data`,
      () => golden[rpc]({ additionalAuthenticatedData: Array<string>(127).fill("a") }),
      ["additional_authenticated_data", "TOO_MANY"],
    ),
    bad(
      `${rpc}: additional data of 256`,
      () => golden[rpc]({ additionalAuthenticatedData: ["a", "b".repeat(256)] }),
      ["additional_authenticated_data[1]", "TOO_LONG"],
    ),
  ]),
  bad("DeleteKey: return preference 3", () => golden.DeleteKey({}, wireField.number(2, 3)), [
    "return_preference",
    "UNKNOWN_VALUE",
  ]),
];

const ofNetwork = (network: 0 | 1 | 2, enabled?: boolean): InstancePolicy =>
  instancePolicy({ $case: "allowedNetwork", value: { network } }, enabled);
const ofIp = (cidrs: string[], enabled?: boolean): InstancePolicy =>
  instancePolicy({ $case: "allowedIp", value: { cidrs } }, enabled);
const ofAccess = (value: InstanceKeyCreateImportAccess, enabled?: boolean): InstancePolicy =>
  instancePolicy({ $case: "keyCreateImportAccess", value }, enabled);
const ofRotation = (intervalMonths: number, enabled?: boolean): InstancePolicy =>
  instancePolicy({ $case: "rotation", value: { intervalMonths } }, enabled);
const metrics = instancePolicy({ $case: "metrics", value: {} });
/** `enabled` is absent on the wire. */
const undecided = (given: InstancePolicy): InstancePolicy => ({ ...given, enabled: undefined });

const replacing =
  (...replaced: InstancePolicy[]) =>
  (): WireRequest =>
    golden.ReplaceInstancePolicies({ policies: replaced, acceptLockout: true });

const instancePolicies: readonly BadInput[] = [
  bad(
    "GetInstancePolicies: a kind that is not known",
    () => golden.GetInstancePolicies({}, wireField.number(1, 7)),
    ["kind", "UNKNOWN_VALUE"],
  ),
  bad("ReplaceInstancePolicies: no policy", replacing(), ["policies", "REQUIRED"]),
  bad(
    "ReplaceInstancePolicies: seven policies",
    replacing(...Array.from({ length: 7 }, () => metrics)),
    ["policies", "TOO_MANY"],
  ),
  bad(
    "ReplaceInstancePolicies: a policy of no kind",
    replacing(metrics, instancePolicy(undefined)),
    ["policies[1].kind", "REQUIRED"],
  ),
  bad(
    "ReplaceInstancePolicies: a kind that is not known",
    // The contract has no field 16 today; its content is ignored.
    () =>
      golden.ReplaceInstancePolicies(
        { policies: [] },
        wireField.bytes(
          1,
          Buffer.concat([wireField.number(1, 1), wireField.bytes(16, Buffer.alloc(2))]),
        ),
      ),
    ["policies[0].kind", "REQUIRED"],
  ),
  bad("ReplaceInstancePolicies: a policy without enabled", replacing(undecided(metrics)), [
    "policies[0].enabled",
    "REQUIRED",
  ]),
  bad(
    "ReplaceInstancePolicies: one kind three times",
    replacing(metrics, metrics, metrics),
    ["policies[1]", "DUPLICATE"],
    ["policies[2]", "DUPLICATE"],
  ),
  ...[true, false].map((enabled) =>
    bad(
      `ReplaceInstancePolicies: no network, enabled ${enabled}`,
      replacing(ofNetwork(0, enabled)),
      ["policies[0].allowed_network.network", "REQUIRED"],
    ),
  ),
  bad(
    "ReplaceInstancePolicies: a network that is not known",
    () =>
      golden.ReplaceInstancePolicies(
        { policies: [] },
        wireField.bytes(
          1,
          Buffer.concat([wireField.number(1, 1), wireField.bytes(10, wireField.number(1, 3))]),
        ),
      ),
    ["policies[0].allowed_network.network", "UNKNOWN_VALUE"],
  ),
  bad("ReplaceInstancePolicies: no address", replacing(ofIp([])), [
    "policies[0].allowed_ip.cidrs",
    "REQUIRED",
  ]),
  bad("ReplaceInstancePolicies: 1,001 networks", replacing(ofIp(Array(1_001).fill("10.0.0.0/8"))), [
    "policies[0].allowed_ip.cidrs",
    "TOO_MANY",
  ]),
  bad(
    "ReplaceInstancePolicies: addresses of a disabled policy",
    replacing(ofIp(["10.0.0.0/8"], false)),
    ["policies[0].allowed_ip.cidrs", "CONFLICT"],
  ),
  ...[
    "",
    "192.0.2.1",
    "192.0.2.0/33",
    "192.0.2.0/-1",
    "192.0.2.0/024",
    "192.0.2.0/24/24",
    "192.0.2/24",
    "192.0.2.256/24",
    " 192.0.2.0/24",
    "192.0.2.0/24\n",
    "2001:db8::/129",
    "2001:db8::",
    "[2001:db8::]/32",
    "fe80::1%eth0/64",
    "example.com/24",
    "*",
    "any",
    "0/0",
  ].map((text) =>
    bad(
      `ReplaceInstancePolicies: ${JSON.stringify(text)} as a network`,
      replacing(ofIp(["0.0.0.0/0", "::/0", text])),
      ["policies[0].allowed_ip.cidrs[2]", "FORMAT_INVALID"],
    ),
  ),
  bad(
    "ReplaceInstancePolicies: access of a disabled policy",
    replacing(ofAccess({ createRootKey: true, enforceToken: false }, false)),
    ["policies[0].key_create_import_access.create_root_key", "CONFLICT"],
    ["policies[0].key_create_import_access.enforce_token", "CONFLICT"],
  ),
  ...[0, 13, -1, 2 ** 31 - 1].map((months) =>
    bad(`ReplaceInstancePolicies: rotation every ${months} months`, replacing(ofRotation(months)), [
      "policies[0].rotation.interval_months",
      "OUT_OF_RANGE",
    ]),
  ),
  bad(
    "ReplaceInstancePolicies: an interval of a disabled policy",
    replacing(ofRotation(1, false)),
    ["policies[0].rotation.interval_months", "CONFLICT"],
  ),
  bad(
    "ReplaceInstancePolicies: everything at once",
    replacing(
      undecided(ofNetwork(0)),
      undecided(ofIp(["10.0.0.0/8", "ten"])),
      ofAccess({ importRootKey: false }, false),
      undecided(ofRotation(13)),
      instancePolicy(undefined, false),
      ofRotation(0),
    ),
    ["policies[0].enabled", "REQUIRED"],
    ["policies[0].allowed_network.network", "REQUIRED"],
    ["policies[1].enabled", "REQUIRED"],
    ["policies[1].allowed_ip.cidrs[1]", "FORMAT_INVALID"],
    ["policies[2].key_create_import_access.import_root_key", "CONFLICT"],
    ["policies[3].enabled", "REQUIRED"],
    ["policies[3].rotation.interval_months", "OUT_OF_RANGE"],
    ["policies[4].kind", "REQUIRED"],
    ["policies[5].rotation.interval_months", "OUT_OF_RANGE"],
    ["policies[5]", "DUPLICATE"],
  ),
];

const policies: readonly BadInput[] = [
  bad(
    "GetKeyPolicies: a kind that is not known",
    () => golden.GetKeyPolicies({}, wireField.number(2, 3)),
    ["kind", "UNKNOWN_VALUE"],
  ),
  bad("ReplaceKeyPolicies: no policy", () => golden.ReplaceKeyPolicies({ policies: [] }), [
    "policies",
    "REQUIRED",
  ]),
  bad(
    "ReplaceKeyPolicies: three policies",
    () => golden.ReplaceKeyPolicies({ policies: [rotation(1), dualAuth, rotation(2)] }),
    ["policies", "TOO_MANY"],
  ),
  bad(
    "ReplaceKeyPolicies: a policy of no kind",
    () => golden.ReplaceKeyPolicies({ policies: [rotation(1), policy(undefined)] }),
    ["policies[1].kind", "REQUIRED"],
  ),
  bad(
    "ReplaceKeyPolicies: a kind that is not known",
    // The contract has no field 12 today; its content is ignored.
    () =>
      golden.ReplaceKeyPolicies(
        { policies: [] },
        wireField.bytes(2, wireField.bytes(12, Buffer.alloc(2))),
      ),
    ["policies[0].kind", "REQUIRED"],
  ),
  ...[0, 13, -1, 2 ** 31 - 1].map((months) =>
    bad(
      `ReplaceKeyPolicies: rotation every ${months} months`,
      () => golden.ReplaceKeyPolicies({ policies: [rotation(months)] }),
      ["policies[0].rotation.interval_months", "OUT_OF_RANGE"],
    ),
  ),
  ...[true, false].map((enabled) =>
    bad(
      `ReplaceKeyPolicies: rotation every 13 months, enabled ${enabled}`,
      () => golden.ReplaceKeyPolicies({ policies: [rotation(13, enabled)] }),
      ["policies[0].rotation.interval_months", "OUT_OF_RANGE"],
    ),
  ),
  bad(
    "ReplaceKeyPolicies: the same kind twice",
    () => golden.ReplaceKeyPolicies({ policies: [dualAuth, dualAuth] }),
    ["policies[1]", "DUPLICATE"],
  ),
];

const listsAndLockers: readonly BadInput[] = [
  ...[-1, -(2 ** 31)].flatMap((value) => [
    bad(`ListKeys: page_size ${value}`, () => golden.ListKeys({ pageSize: value }), [
      "page_size",
      "OUT_OF_RANGE",
    ]),
    bad(`ListKeys: skip ${value}`, () => golden.ListKeys({ skip: value }), [
      "skip",
      "OUT_OF_RANGE",
    ]),
    bad(`ListLockers: page_size ${value}`, () => golden.ListLockers({ pageSize: value }), [
      "page_size",
      "OUT_OF_RANGE",
    ]),
  ]),
  ...(
    [
      [299n, 0],
      [0n, 0],
      [86_401n, 0],
      [-600n, 0],
      [2n ** 63n - 1n, 0],
      [-(2n ** 63n), 0],
      [600n, 1],
      [600n, -1],
      [600n, 2 ** 31 - 1],
    ] as const
  ).map(([seconds, nanos]) =>
    bad(`CreateLocker: ttl of ${seconds} s and ${nanos} ns`, lifetime(seconds, nanos), [
      "ttl",
      "OUT_OF_RANGE",
    ]),
  ),
  ...[-1, 501, 2 ** 31 - 1].map((maxAllowedRetrievals) =>
    bad(
      `CreateLocker: ${maxAllowedRetrievals} retrievals`,
      () => golden.CreateLocker({ maxAllowedRetrievals }),
      ["max_allowed_retrievals", "OUT_OF_RANGE"],
    ),
  ),
];

const badPaths = ["../keys", "a/b", "a?x", "a#x", "%2e%2e", "a b", "a\0", "x".repeat(91)];

const kmip: readonly BadInput[] = [
  ...(["GetAdapter", "DeleteAdapter", "ListObjects", "ListCertificates"] as const).flatMap((rpc) =>
    [["", "REQUIRED"] as const, ...badPaths.map((id) => [id, "FORMAT_INVALID"] as const)].map(
      ([adapter, reason]) =>
        bad(`${rpc}: the adapter ${JSON.stringify(adapter)}`, () => golden[rpc]({ adapter }), [
          "adapter",
          reason,
        ]),
    ),
  ),
  ...(["GetObject", "DeleteObject"] as const).flatMap((rpc) =>
    [["", "REQUIRED"] as const, ...badPaths.map((id) => [id, "FORMAT_INVALID"] as const)].map(
      ([objectId, reason]) =>
        bad(`${rpc}: the object ${JSON.stringify(objectId)}`, () => golden[rpc]({ objectId }), [
          "object_id",
          reason,
        ]),
    ),
  ),
  ...(["GetCertificate", "DeleteCertificate"] as const).flatMap((rpc) =>
    [["", "REQUIRED"] as const, ...badPaths.map((id) => [id, "FORMAT_INVALID"] as const)].map(
      ([certificate, reason]) =>
        bad(
          `${rpc}: the certificate ${JSON.stringify(certificate)}`,
          () => golden[rpc]({ certificate }),
          ["certificate", reason],
        ),
    ),
  ),
  ...(["ListAdapters", "ListObjects", "ListCertificates"] as const).map((rpc) =>
    bad(`${rpc}: page_size -1`, () => golden[rpc]({ pageSize: -1 }), ["page_size", "OUT_OF_RANGE"]),
  ),
  bad("ListAdapters: an alias", () => golden.ListAdapters({ rootKeyId: "an-alias" }), [
    "root_key_id",
    "FORMAT_INVALID",
  ]),
  bad(
    "ListObjects: states that are none",
    () => golden.ListObjects({}, Buffer.concat([wireField.number(2, 0), wireField.number(2, 7)])),
    ["states[0]", "REQUIRED"],
    ["states[1]", "UNKNOWN_VALUE"],
  ),
  bad("CreateAdapter: the CRN of nothing", () => golden.CreateAdapter({ rootKeyId: "crn:v1:x" }), [
    "root_key_id",
    "FORMAT_INVALID",
  ]),
  bad(
    "CreateAdapter: everything at once",
    () =>
      golden.CreateAdapter({
        name: "a",
        description: "x".repeat(241),
        profile: "native_2.0",
        rootKeyId: "../x",
      }),
    ["name", "FORMAT_INVALID"],
    ["description", "TOO_LONG"],
    ["profile", "UNKNOWN_VALUE"],
    ["root_key_id", "FORMAT_INVALID"],
  ),
  bad(
    "AddCertificate: a private key beside the certificate",
    () =>
      golden.AddCertificate({
        certificatePem: `${absentCertificate.cert}${absentCertificate.key}`,
      }),
    ["certificate_pem", "PRIVATE_KEY_FORBIDDEN"],
  ),
  bad(
    "AddCertificate: everything at once",
    () => golden.AddCertificate({ adapter: "", name: "ä", certificatePem: "-----BEGIN" }),
    ["adapter", "REQUIRED"],
    ["name", "FORMAT_INVALID"],
    ["certificate_pem", "FORMAT_INVALID"],
  ),
];

const severalAtOnce: readonly BadInput[] = [
  bad(
    "CreateKey: everything at once",
    (secret) =>
      golden.CreateKey(
        {
          name: "",
          description: "d",
          tags: ["good", "", "a,b"],
          material: { $case: "keyMaterial", value: secret(17) },
          requestId: "again",
        },
        Buffer.concat([
          wireField.bytes(5, Timestamp.encode({ seconds: 1n, nanos: 0 }).finish()),
          wireField.number(8, 9),
        ]),
      ),
    ["name", "REQUIRED"],
    ["description", "TOO_SHORT"],
    ["tags[1]", "REQUIRED"],
    ["tags[2]", "CHARACTER_FORBIDDEN"],
    ["expire_time", "NOT_IN_FUTURE"],
    ["key_material", "LENGTH_INVALID"],
    ["return_preference", "UNKNOWN_VALUE"],
    ["request_id", "FORMAT_INVALID"],
  ),
  bad(
    "WrapKey: everything at once",
    () =>
      golden.WrapKey({
        keyId: "../x",
        plaintext: Buffer.alloc(0),
        additionalAuthenticatedData: ["x".repeat(256)],
      }),
    ["key_id", "FORMAT_INVALID"],
    ["plaintext", "REQUIRED"],
    ["additional_authenticated_data[0]", "TOO_LONG"],
  ),
  bad(
    "ReplaceKeyPolicies: everything at once",
    () => golden.ReplaceKeyPolicies({ keyId: "wrap", policies: [rotation(0), rotation(13)] }),
    ["key_id", "RESERVED_WORD"],
    ["policies[0].rotation.interval_months", "OUT_OF_RANGE"],
    ["policies[1].rotation.interval_months", "OUT_OF_RANGE"],
    ["policies[1]", "DUPLICATE"],
  ),
  bad(
    "CreateLocker: everything at once",
    () => golden.CreateLocker({ ttl: { seconds: 1n, nanos: 1 }, maxAllowedRetrievals: 501 }),
    ["ttl", "OUT_OF_RANGE"],
    ["max_allowed_retrievals", "OUT_OF_RANGE"],
  ),
  bad(
    "ListKeys: everything at once",
    () => golden.ListKeys({ pageSize: -1, skip: -1, pageToken: "garbled" }),
    ["page_size", "OUT_OF_RANGE"],
    ["skip", "OUT_OF_RANGE"],
  ),
];

/** All cases except those of IDs. */
export const badInputs: readonly BadInput[] = [
  ...createKey,
  ...material,
  ...actions,
  ...policies,
  ...instancePolicies,
  ...listsAndLockers,
  ...kmip,
  ...severalAtOnce,
];
