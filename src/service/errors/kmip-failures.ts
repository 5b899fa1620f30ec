/** Failures of KMIP adapters, their objects and their certificates. */
import { status } from "@grpc/grpc-js";
import type { StatusError } from "../../grpc/status/status-error.ts";
import {
  fail,
  named,
  precondition,
  resource,
  violation,
  type Failure,
  type FailureContext,
} from "./failure.ts";
import { keyNotFound, stateInvalid } from "./state-failures.ts";

/** `KMIP_ADAPTER_NOT_FOUND_ERR`, or 404 without a known reason for an RPC with an adapter. */
export const adapterNotFound: Failure = (f) => {
  const { kmipAdapter } = f.subject;
  const ofAdapter = { ...f, subject: kmipAdapter === undefined ? {} : { kmipAdapter } };
  return fail(
    f,
    status.NOT_FOUND,
    "KMIP_ADAPTER_NOT_FOUND",
    `${named(ofAdapter)} does not exist in instance "${f.context.instance}"; check the ID or name and the x-kp-instance metadata`,
    { resource: resource(ofAdapter) },
  );
};

/** `KMIP_OBJECT_NOT_FOUND_ERR`, or 404 without a known reason for an RPC with an object. */
export const objectNotFound: Failure = (f) =>
  fail(
    f,
    status.NOT_FOUND,
    "KMIP_OBJECT_NOT_FOUND",
    `${named(f)} does not exist in instance "${f.context.instance}"; check both IDs`,
    { resource: resource(f) },
  );

/** `KMIP_CERT_NOT_FOUND_ERR`, or 404 without a known reason for an RPC with a certificate. */
export const certificateNotFound: Failure = (f) =>
  fail(
    f,
    status.NOT_FOUND,
    "KMIP_CERTIFICATE_NOT_FOUND",
    `${named(f)} does not exist in instance "${f.context.instance}"; check both IDs or names`,
    { resource: resource(f) },
  );

/** DeleteObject: 410. The object is still there, but destroyed. */
export const objectDestroyed: Failure = (f) =>
  fail(
    f,
    status.NOT_FOUND,
    "KMIP_OBJECT_NOT_FOUND",
    `${named(f)} is destroyed already; set allow_missing to get OK for a destroyed object`,
    { resource: resource(f) },
  );

/** `NATIVE_INVALID_CRK_ERR`, or `KEY_ROOT_REQ_ERR` for CreateAdapter. */
export const rootKeyUnsuitable: Failure = (f) => {
  const description =
    "must name an active root key, and with allow_expiring_key alone one that expires";
  return fail(
    f,
    status.INVALID_ARGUMENT,
    "KEY_TYPE_MISMATCH",
    `${named(f)} cannot encrypt the objects of an adapter: root_key_id ${description}`,
    {
      violations: violation("root_key_id", "KEY_TYPE_MISMATCH", description),
      resource: resource(f),
    },
  );
};

const exists =
  (description: string): Failure =>
  (f) => {
    const { keyId: _, ...subject } = f.subject;
    return fail(f, status.ALREADY_EXISTS, "RESOURCE_EXISTS", description, {
      resource: resource({ ...f, subject }),
    });
  };

/** CreateAdapter: `KMIP_ADAPTER_DUPLICATE_NAME_ERR`. */
const adapterNameTaken = exists("the instance has a KMIP adapter of this name already");
/** AddCertificate: `KMIP_CERT_DUPLICATE_NAME_ERR`. */
const certificateNameTaken = exists("the KMIP adapter has a certificate of this name already");
/** AddCertificate: `KMIP_CERT_DUPLICATE_ERR`. */
const certificateAdded = exists("the KMIP adapter has this certificate already");
/** AddCertificate: `KMIP_CERT_REUSE_ERR`. */
const certificateInUse = exists(
  "another KMIP adapter of the region has this certificate, and no two may share one",
);

/** DeleteAdapter: 409. */
const adapterNotEmpty: Failure = (f) => {
  const description = "the adapter has objects; delete them first";
  return fail(
    f,
    status.FAILED_PRECONDITION,
    "KMIP_ADAPTER_NOT_EMPTY",
    `${named(f)}: ${description}`,
    {
      preconditions: precondition(f, "KMIP_ADAPTER_NOT_EMPTY", description),
      resource: resource(f),
    },
  );
};

/** DeleteObject: 409. */
const objectState = stateInvalid(
  "KMIP_OBJECT_STATE",
  "the object is active; revoke it through KMIP first, or set force",
);

const conflicts: Readonly<Record<string, Failure>> = {
  DeleteAdapter: adapterNotEmpty,
  DeleteObject: objectState,
  AddCertificate: exists(
    "the name is in use in the KMIP adapter, or the certificate in the region, or the adapter is full",
  ),
  CreateAdapter: exists(
    "the name is in use in the instance, or the instance has as many KMIP adapters as it may",
  ),
};

/** 409 without a known reason. `undefined` if the RPC is none of KMIP. */
export const conflictOf = (f: FailureContext): StatusError | undefined =>
  conflicts[f.context.rpc.method]?.(f);

/** The failures of reason codes that only KMIP has. */
export const kmipReasons: Readonly<Record<string, Failure>> = {
  KMIP_ADAPTER_NOT_FOUND_ERR: adapterNotFound,
  KMIP_OBJECT_NOT_FOUND_ERR: objectNotFound,
  KMIP_CERT_NOT_FOUND_ERR: certificateNotFound,
  KMIP_ADAPTER_DUPLICATE_NAME_ERR: adapterNameTaken,
  KMIP_CERT_DUPLICATE_NAME_ERR: certificateNameTaken,
  KMIP_CERT_DUPLICATE_ERR: certificateAdded,
  KMIP_CERT_REUSE_ERR: certificateInUse,
  NATIVE_CRK_ID_NOT_FOUND_ERR: keyNotFound,
  NATIVE_INVALID_CRK_ERR: rootKeyUnsuitable,
};
