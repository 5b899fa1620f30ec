/** What is wrong with the request, as the upstream sees it. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../../grpc/status/status-error.ts";
import { fail, named, resource, violation, type Failure } from "./failure.ts";

/** The field that carries the bytes an RPC is about. */
const payloadField: Readonly<Record<string, string>> = {
  WrapKey: "plaintext",
  UnwrapKey: "ciphertext",
  GenerateDataKey: "additional_authenticated_data",
  CreateKey: "key_material",
  RotateKey: "key_material",
};

export const requestInvalid: Failure = (s) =>
  fail(
    s,
    status.INVALID_ARGUMENT,
    "REQUEST_INVALID",
    s.fields.length > 0
      ? `Key Protect does not accept the value of ${s.fields.join(", ")}`
      : "Key Protect does not accept a value of the request",
    {
      violations: s.fields.map((field) => ({
        field,
        reason: "REFUSED_UPSTREAM",
        description: "Key Protect does not accept this value",
      })),
    },
  );

export const ciphertextRejected: Failure = (s) =>
  fail(
    s,
    status.INVALID_ARGUMENT,
    "CIPHERTEXT_REJECTED",
    `the ciphertext cannot be unwrapped by ${named(s)} with this additional authenticated data`,
    {
      violations: violation(
        "ciphertext",
        "REFUSED_UPSTREAM",
        "not wrapped by this key with this additional authenticated data, or damaged",
      ),
    },
  );

export const keyTypeMismatch: Failure = (s) =>
  fail(
    s,
    status.INVALID_ARGUMENT,
    "KEY_TYPE_MISMATCH",
    `${named(s)} is not a root key, which ${s.context.rpc.method} needs`,
    {
      violations: violation("key_id", "KEY_TYPE_MISMATCH", "must name a root key"),
      resource: resource(s),
    },
  );

/** GetKeyMaterial: the answer says that the key is not extractable. */
export const rootKeyNotExported: Failure = (s) => {
  const description = "a root key; its material never leaves Key Protect";
  return fail(s, status.INVALID_ARGUMENT, "KEY_TYPE_MISMATCH", `${named(s)} is ${description}`, {
    violations: violation("key_id", "KEY_TYPE_MISMATCH", description),
    resource: resource(s),
  });
};

export const keyMaterialRequired: Failure = (s) =>
  fail(
    s,
    status.INVALID_ARGUMENT,
    "KEY_MATERIAL_REQUIRED",
    `${named(s)} was imported: send the new material in key_material or encrypted_key_material`,
    {
      violations: violation("material", "REQUIRED", "an imported key needs new material"),
      resource: resource(s),
    },
  );

export const importNonceRejected: Failure = (s) =>
  fail(
    s,
    status.INVALID_ARGUMENT,
    "IMPORT_NONCE_REJECTED",
    "the nonce was not encrypted with the imported material, or is not that of the newest import token; retrieve a new one and encrypt again",
    {
      violations: violation(
        "encrypted_key_material",
        "NONCE_MISMATCH",
        "encrypted_nonce and initialization_vector do not fit ciphertext or the import token",
      ),
    },
  );

export const payloadTooLarge: Failure = (s) => {
  const field = payloadField[s.context.rpc.method];
  return fail(
    s,
    status.INVALID_ARGUMENT,
    "PAYLOAD_TOO_LARGE",
    "Key Protect does not accept a request of this size",
    field === undefined
      ? {}
      : { violations: violation(field, "TOO_LARGE", "too large for Key Protect") },
  );
};

export const gatewayRequestRejected: Failure = (s) =>
  fail(
    s,
    status.INTERNAL,
    "UPSTREAM_REQUEST_REJECTED",
    "Key Protect does not accept the form of the gateway's request: the service URL or API dialect is not right, or the gateway has a defect",
  );

export const notOffered: Failure = (s) =>
  fail(
    s,
    status.UNIMPLEMENTED,
    "UPSTREAM_REQUEST_REJECTED",
    `Key Protect does not offer ${s.context.rpc.method} at this service URL`,
  );

export const operationUnsupported: Failure = (s) =>
  fail(
    s,
    status.UNIMPLEMENTED,
    "OPERATION_UNSUPPORTED",
    `the API dialect of instance "${s.context.instance}" cannot do what this ${s.context.rpc.method} asks for`,
  );

/** `page_token` was not made by the gateway, or for another list. The reason does not matter to the caller. */
export function pageTokenInvalid(): StatusError {
  const description = "not a token of this list; pass next_page_token of the page before unchanged";
  return new StatusError(
    status.INVALID_ARGUMENT,
    "PAGE_TOKEN_INVALID",
    `page_token: ${description}`,
    { violations: [{ field: "page_token", reason: "TOKEN_INVALID", description }] },
  );
}
