/** Key material in a request: its validation, its form for the upstream, and its fingerprint. */
import { isUtf8 } from "node:buffer";
import {
  ImportEncryptionAlgorithm,
  KeyType,
  type EncryptedKeyMaterial,
} from "../../gen/keyprotect/v1/key.ts";
import type { RequestParts } from "../../idempotency-store/store.ts";
import type { ImportedMaterial } from "../../keyprotect/resources.ts";
import { all, bytes, bytesOf, check, fault, known, type Rule } from "../validation/rules.ts";
import type { FieldViolation } from "../../grpc/status/status-error.ts";
import type { ApiDialect } from "../../platform/api-dialect.ts";

/** The `material` choice of a request. Absent: Key Protect generates the material. */
export type Material =
  | { readonly $case: "keyMaterial"; readonly value: Buffer }
  | { readonly $case: "encryptedKeyMaterial"; readonly value: EncryptedKeyMaterial }
  | undefined;

/** AES-128, AES-192 or AES-256. */
const rootMaterial = bytesOf(16, 24, 32);
/** The upstream accepts 10,000 characters of base64. */
const standardMaterial = bytes(1, 7_500);
/** One block of RSA-4096. Every transport key has this size. */
const rsaCiphertext = bytesOf(512);

const hasControl = (value: Uint8Array): boolean =>
  value.some((byte) => byte < 0x20 || byte === 0x7f);

/** The token is opaque. It has to be text, because the upstream takes it in JSON. */
const importToken: Rule<Uint8Array> = all(bytes(1, 4_096), (value) =>
  isUtf8(value) && !hasControl(value)
    ? undefined
    : fault(
        "FORMAT_INVALID",
        "UTF-8 text without control characters, as RetrieveLocker returned it",
      ),
);

const encryptedNonce = bytes(16, 64);
/** 12 bytes for AES-GCM, 16 for AES-CBC. */
const initializationVector = bytesOf(12, 16);
const algorithm = known("IMPORT_ENCRYPTION_ALGORITHM_", ImportEncryptionAlgorithm, false);

function checkEncrypted(
  violations: FieldViolation[],
  value: EncryptedKeyMaterial,
  dialect: ApiDialect | undefined,
): void {
  const at = "encrypted_key_material";
  check(violations, `${at}.ciphertext`, value.ciphertext, rsaCiphertext);
  check(violations, `${at}.algorithm`, value.algorithm, algorithm);
  const hasToken = value.importToken.length > 0;
  const hasNonce = value.encryptedNonce.length > 0 || value.initializationVector.length > 0;
  const violate = (field: string, reason: string, description: string): void => {
    violations.push({ field, reason, description });
  };
  if (hasToken && hasNonce) {
    const description = "send either import_token, or encrypted_nonce and initialization_vector";
    violate(at, "CONFLICT", description);
    return;
  }
  if (hasToken && dialect === "current") {
    const description =
      "belongs to the 2019 API; this instance needs encrypted_nonce and initialization_vector";
    violate(`${at}.import_token`, "UNSUPPORTED", description);
    return;
  }
  if (hasNonce && dialect === "2019") {
    const field = value.encryptedNonce.length > 0 ? "encrypted_nonce" : "initialization_vector";
    violate(
      `${at}.${field}`,
      "UNSUPPORTED",
      "belongs to the current API; this instance needs import_token",
    );
    return;
  }
  if (hasToken || (!hasNonce && dialect === "2019")) {
    check(violations, `${at}.import_token`, value.importToken, importToken);
  } else if (hasNonce || dialect === "current") {
    check(violations, `${at}.encrypted_nonce`, value.encryptedNonce, encryptedNonce);
    const iv = value.initializationVector;
    check(violations, `${at}.initialization_vector`, iv, initializationVector);
  } else {
    const description = "import_token, or encrypted_nonce and initialization_vector, is required";
    violate(at, "REQUIRED", description);
  }
}

/** Adds the violations of the material of a key of the given type. */
export function checkMaterial(
  violations: FieldViolation[],
  material: Material,
  type: KeyType,
  dialect: ApiDialect | undefined,
): void {
  if (material === undefined) return;
  if (material.$case === "keyMaterial") {
    // Without a type the limits are not known; the missing type is a violation already.
    if (type === KeyType.ROOT) check(violations, "key_material", material.value, rootMaterial);
    if (type === KeyType.STANDARD)
      check(violations, "key_material", material.value, standardMaterial);
    return;
  }
  if (type === KeyType.STANDARD) {
    violations.push({
      field: "encrypted_key_material",
      reason: "KEY_TYPE_MISMATCH",
      description: "only root keys can be imported encrypted",
    });
    return;
  }
  checkEncrypted(violations, material.value, dialect);
}

/** Valid material in the form for the upstream. */
export function toImportedMaterial(material: Material): ImportedMaterial | undefined {
  if (material === undefined) return undefined;
  if (material.$case === "keyMaterial") return { kind: "plain", payload: material.value };
  const {
    ciphertext,
    importToken: token,
    encryptedNonce: nonce,
    initializationVector: iv,
  } = material.value;
  return {
    kind: "encrypted",
    payload: ciphertext,
    encryptionAlgorithm: "RSAES_OAEP_SHA_256",
    importToken: token.length > 0 ? token.toString("utf8") : undefined,
    encryptedNonce: nonce.length > 0 ? nonce : undefined,
    iv: iv.length > 0 ? iv : undefined,
  };
}

/**
 * The material as parts of a request's fingerprint. Encrypted material is a list of fields;
 * material in the clear stands apart, because its digest needs protection.
 */
export function materialParts(material: Material): Pick<RequestParts, "fields" | "material"> {
  if (material === undefined) return { fields: ["generated"], material: undefined };
  if (material.$case === "keyMaterial") return { fields: ["plain"], material: material.value };
  const { value } = material;
  return {
    fields: [
      "encrypted",
      value.ciphertext,
      value.importToken,
      value.encryptedNonce,
      value.initializationVector,
      String(value.algorithm),
    ],
    material: undefined,
  };
}

/** Overwrites material in the clear. */
export function zeroizeMaterial(material: Material): void {
  if (material?.$case === "keyMaterial") material.value.fill(0);
}
