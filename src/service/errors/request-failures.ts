/** Failures of the request: a value or a form that Key Protect or the gateway does not accept. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../../grpc/status/status-error.ts";
import { fail, named, resource, violation, type Failure } from "./failure.ts";

/** The field with the largest bytes, by method. */
const payloadField: Readonly<Record<string, string>> = {
  WrapKey: "plaintext",
  UnwrapKey: "ciphertext",
  GenerateDataKey: "additional_authenticated_data",
  CreateKey: "key_material",
  RotateKey: "key_material",
  AddCertificate: "certificate_pem",
};

/**
 * 400 without a known reason (CountKeys excepted), 422 without a known reason (UnwrapKey excepted),
 * `BAD_BODY_ERR`, `INVALID_FIELD_ERR` or `UNDEFINED_REASON` (UnwrapKey excepted), or
 * `INVALID_QUERY_PARAM_ERR` (ListKeys excepted). Names the fields that the reasons name.
 */
export const requestInvalid: Failure = (f) =>
  fail(
    f,
    status.INVALID_ARGUMENT,
    "REQUEST_INVALID",
    f.fields.length > 0
      ? `Key Protect does not accept the value of ${f.fields.join(", ")}`
      : "Key Protect does not accept a value of the request",
    {
      violations: f.fields.map((field) => ({
        field,
        reason: "REFUSED_UPSTREAM",
        description: "Key Protect does not accept this value",
      })),
    },
  );

/**
 * UnwrapKey: 422 without a known reason, `INVALID_FIELD_ERR` or `UNDEFINED_REASON`. Every RPC:
 * `UNPROCESSABLE_CIPHERTEXT_ERR`.
 */
export const ciphertextRejected: Failure = (f) =>
  fail(
    f,
    status.INVALID_ARGUMENT,
    "CIPHERTEXT_REJECTED",
    `the ciphertext cannot be unwrapped by ${named(f)} with this additional authenticated data`,
    {
      violations: violation(
        "ciphertext",
        "REFUSED_UPSTREAM",
        "not wrapped by this key with this additional authenticated data, or damaged",
      ),
    },
  );

/** `KEY_ROOT_REQ_ERR` or `KEY_ROOT_REQ_REG_ERR`: the RPC needs a root key. */
export const keyTypeMismatch: Failure = (f) =>
  fail(
    f,
    status.INVALID_ARGUMENT,
    "KEY_TYPE_MISMATCH",
    `${named(f)} is not a root key; ${f.context.rpc.method} needs a root key`,
    {
      violations: violation("key_id", "KEY_TYPE_MISMATCH", "must name a root key"),
      resource: resource(f),
    },
  );

/** GetKeyMaterial: Key Protect answers with a key that is not extractable. */
export const rootKeyNotExported: Failure = (f) => {
  const description = "a root key; the material of root keys never leaves Key Protect";
  return fail(f, status.INVALID_ARGUMENT, "KEY_TYPE_MISMATCH", `${named(f)} is ${description}`, {
    violations: violation("key_id", "KEY_TYPE_MISMATCH", description),
    resource: resource(f),
  });
};

/** `KEY_PAYLOAD_REQ_ERR`: an imported key is rotated without new material. */
export const keyMaterialRequired: Failure = (f) =>
  fail(
    f,
    status.INVALID_ARGUMENT,
    "KEY_MATERIAL_REQUIRED",
    `${named(f)} was imported; send new material in key_material or encrypted_key_material`,
    {
      violations: violation("material", "REQUIRED", "an imported key needs new material"),
      resource: resource(f),
    },
  );

/** `INCORRECT_NONCE_ERR` or `INCORRECT_NONCE_IV_ERR`. */
export const importNonceRejected: Failure = (f) =>
  fail(
    f,
    status.INVALID_ARGUMENT,
    "IMPORT_NONCE_REJECTED",
    "the nonce was not encrypted with the imported material, or does not belong to the newest import token; retrieve the locker again and encrypt again",
    {
      violations: violation(
        "encrypted_key_material",
        "NONCE_MISMATCH",
        "encrypted_nonce and initialization_vector do not fit ciphertext or the import token",
      ),
    },
  );

/** 413 without a known reason. */
export const payloadTooLarge: Failure = (f) => {
  const field = payloadField[f.context.rpc.method];
  return fail(
    f,
    status.INVALID_ARGUMENT,
    "PAYLOAD_TOO_LARGE",
    "Key Protect does not accept a request of this size",
    field === undefined
      ? {}
      : { violations: violation(field, "TOO_LARGE", "too large for Key Protect") },
  );
};

/**
 * Key Protect rejects something that the gateway alone decides: 405, 406, 415 and every other 4xx
 * without an entry of its own, 404 or `KEY_NOT_FOUND_ERR` for an RPC without a key or locker in its
 * path, 400 for CountKeys, `INVALID_QUERY_PARAM_ERR` for ListKeys, `COLLECTION_TOTAL_MISMATCH_ERR`,
 * `BODY_QUERY_PARAM_MISMATCH_ERR`, `NO_BODY_ERR` and `NUM_COLLECTION_RESOURCE_ERR`.
 */
export const gatewayRequestRejected: Failure = (f) =>
  fail(
    f,
    status.INTERNAL,
    "UPSTREAM_REQUEST_REJECTED",
    "Key Protect does not accept the form of the gateway's request; the configured service URL or API dialect is wrong, or the gateway has a defect",
  );

/** 501. */
export const notOffered: Failure = (f) =>
  fail(
    f,
    status.UNIMPLEMENTED,
    "UPSTREAM_REQUEST_REJECTED",
    `Key Protect does not offer ${f.context.rpc.method} at this service URL`,
  );

/** `UNSUPPORTED`: the instance's API dialect lacks the operation. Nothing was sent. */
export const operationUnsupported: Failure = (f) =>
  fail(
    f,
    status.UNIMPLEMENTED,
    "OPERATION_UNSUPPORTED",
    `the API dialect of instance "${f.context.instance}" does not support this ${f.context.rpc.method} request`,
  );

/**
 * The gateway did not make this page token, or made it for another list. The reason is not told,
 * because a token cannot be repaired.
 */
export function pageTokenInvalid(): StatusError {
  const description =
    "not a token of this list; pass the next_page_token of the previous page unchanged";
  return new StatusError(
    status.INVALID_ARGUMENT,
    "PAGE_TOKEN_INVALID",
    `page_token: ${description}`,
    { violations: [{ field: "page_token", reason: "TOKEN_INVALID", description }] },
  );
}

/** `KEY_SEARCH_TOO_BROAD`. */
export const searchTooBroad: Failure = (f) => {
  const description = "Key Protect does not search so many keys";
  return fail(
    f,
    status.INVALID_ARGUMENT,
    "SEARCH_TOO_BROAD",
    `search: ${description}; search in one key ring, or list without a search`,
    { violations: violation("search", "TOO_BROAD", description) },
  );
};
