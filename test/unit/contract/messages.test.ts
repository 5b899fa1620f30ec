import { ScalarType, type DescField } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { descriptorSet } from "../../../src/gen/descriptor-set.ts";
import { streamPaths } from "../../../src/access/item-rows.ts";
import { rpcTable } from "../../../src/rpc-table.ts";
import { nameOf, pathOf, readContract } from "../../../scripts/contract/contract.ts";

const contract = readContract(Buffer.from(descriptorSet, "base64"));

const scalarOf = (field: DescField): ScalarType | undefined =>
  field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar")
    ? field.scalar
    : undefined;

const bytesFields = contract.fields.filter((field) => scalarOf(field) === ScalarType.BYTES);
const isRedacted = (field: DescField): boolean => field.proto.options?.debugRedact === true;

test("the contract's RPCs are those of the RPC table, in the same order", () => {
  const inContract = contract.services.flatMap((service) => service.methods.map(pathOf));
  expect(rpcTable.map(({ path }) => path).toSorted()).toEqual(inContract.toSorted());
  for (const { typeName, methods } of contract.services) {
    const rows = rpcTable.filter(({ service }) => service === typeName);
    expect(rows.map(({ method }) => method)).toEqual(methods.map(({ name }) => name));
  }
});

test("every RPC is unary, except RewrapStream, which streams in both directions", () => {
  const streaming = contract.methods.filter(({ methodKind }) => methodKind !== "unary");
  expect(streaming.map(pathOf)).toEqual([...streamPaths]);
  expect(streaming.map(({ methodKind }) => methodKind)).toEqual(["bidi_streaming"]);
});

test("every RPC has a request and a response of its own", () => {
  for (const { name, input, output } of contract.methods) {
    expect([input.name, output.name]).toEqual([`${name}Request`, `${name}Response`]);
  }
});

// A new bytes field belongs in one of these two tests: its author decides whether it is secret.
test("every field with plaintext, key material or an import secret is redacted", () => {
  expect(bytesFields.filter(isRedacted).map(nameOf).toSorted()).toEqual([
    "keyprotect.v1.CreateKeyRequest.key_material",
    "keyprotect.v1.CreateKeyResponse.key_material",
    "keyprotect.v1.EncryptedKeyMaterial.import_token",
    "keyprotect.v1.GenerateDataKeyResponse.plaintext",
    "keyprotect.v1.GetKeyMaterialResponse.key_material",
    "keyprotect.v1.RetrieveLockerResponse.import_token",
    "keyprotect.v1.RetrieveLockerResponse.nonce",
    "keyprotect.v1.RotateKeyRequest.key_material",
    "keyprotect.v1.UnwrapKeyResponse.plaintext",
    "keyprotect.v1.WrapKeyRequest.plaintext",
  ]);
});

test("every bytes field that is not redacted holds ciphertext, public or opaque data", () => {
  expect(
    bytesFields
      .filter((field) => !isRedacted(field))
      .map(nameOf)
      .toSorted(),
  ).toEqual([
    "keyprotect.v1.EncryptedKeyMaterial.ciphertext",
    "keyprotect.v1.EncryptedKeyMaterial.encrypted_nonce",
    "keyprotect.v1.EncryptedKeyMaterial.initialization_vector",
    "keyprotect.v1.GenerateDataKeyResponse.ciphertext",
    "keyprotect.v1.RetrieveLockerResponse.public_key",
    "keyprotect.v1.RewrapKeyRequest.ciphertext",
    "keyprotect.v1.RewrapKeyResponse.ciphertext",
    "keyprotect.v1.RewrapStreamItem.ciphertext",
    "keyprotect.v1.UnwrapKeyRequest.ciphertext",
    "keyprotect.v1.UnwrapKeyResponse.rewrapped_ciphertext",
    "keyprotect.v1.WrapKeyResponse.ciphertext",
  ]);
});

test("only a redacted bytes field is named after a secret", () => {
  const secretNames = new Set(["plaintext", "key_material"]);
  const named = contract.fields.filter((field) => secretNames.has(field.name));
  expect(named).toHaveLength(7);
  for (const field of named) {
    expect(scalarOf(field), nameOf(field)).toBe(ScalarType.BYTES);
    expect(isRedacted(field), nameOf(field)).toBe(true);
  }
});

// JavaScript numbers cannot hold all of their values.
test("no field is a 64-bit integer", () => {
  const wide = new Set<ScalarType | undefined>([
    ScalarType.INT64,
    ScalarType.UINT64,
    ScalarType.SINT64,
    ScalarType.FIXED64,
    ScalarType.SFIXED64,
  ]);
  expect(contract.fields.filter((field) => wide.has(scalarOf(field))).map(nameOf)).toEqual([]);
});

test("every enum starts with an unspecified value", () => {
  expect(contract.enums).toHaveLength(10);
  for (const { values } of contract.enums) {
    expect(values[0]?.number).toBe(0);
    expect(values[0]?.name).toMatch(/_UNSPECIFIED$/);
  }
});
