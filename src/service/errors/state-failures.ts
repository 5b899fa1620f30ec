/** Failures of state: a key, locker, instance or list is not in the state that the call needs. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../../grpc/status/status-error.ts";
import {
  apiHelp,
  fail,
  named,
  precondition,
  resource,
  retryDelay,
  type Failure,
} from "./failure.ts";

/** Key Protect allows one rotation per key and hour. */
const rotationIntervalMs = 3_600_000;

/** FAILED_PRECONDITION / KEY_STATE_INVALID with a type of precondition and its text. */
export const stateInvalid =
  (type: string, description: string): Failure =>
  (f) =>
    fail(f, status.FAILED_PRECONDITION, "KEY_STATE_INVALID", `${named(f)}: ${description}`, {
      preconditions: precondition(f, type, description),
      resource: resource(f),
    });

/** `KEY_IMPT_REQ_ERR`. */
export const keyNotImported: Failure = stateInvalid(
  "KEY_NOT_IMPORTED",
  "only an imported key can be restored",
);

/**
 * 409 (CreateKey, lockers and KMIP excepted) or 412 without a known reason,
 * `KEY_ACTION_INVALID_STATE_ERR` or `KEY_INVALID_STATE_ERR`.
 */
export const keyState: Failure = stateInvalid(
  "KEY_STATE",
  "the state of the key does not allow this",
);

/** `KEY_VERSION_INVALID`. */
export const keyVersionInvalid: Failure = stateInvalid(
  "KEY_VERSION",
  "the key version is not valid any more",
);

/** GetKeyMaterial: Key Protect answers with a deleted key, without material. */
export const materialDeleted: Failure = (f) => {
  const description = "the key was deleted and its material is gone";
  return fail(f, status.FAILED_PRECONDITION, "KEY_DELETED", `${named(f)}: ${description}`, {
    preconditions: precondition(f, "KEY_DELETED", description),
    resource: resource(f),
  });
};

/**
 * GetKeyMaterial: Key Protect answers without material, with a key that is neither active nor
 * deleted.
 */
export const materialWithheld: Failure = stateInvalid(
  "KEY_STATE",
  "Key Protect does not return the material of a key in this state",
);

/** 404 without a known reason, or `KEY_NOT_FOUND_ERR`, for an RPC with a key in its path. */
export const keyNotFound: Failure = (f) =>
  fail(
    f,
    status.NOT_FOUND,
    "KEY_NOT_FOUND",
    `${named(f)} does not exist in instance "${f.context.instance}"; check the ID and the x-kp-instance metadata`,
    { resource: resource(f) },
  );

/** 404 without a known reason, or `KEY_NOT_FOUND_ERR`, for an RPC with a locker in its path. */
export const lockerNotFound: Failure = (f) =>
  fail(
    f,
    status.NOT_FOUND,
    "LOCKER_NOT_FOUND",
    `${named(f)} does not exist in instance "${f.context.instance}": it has expired, its retrievals are used up, or it was replaced; create a new locker`,
    { resource: resource(f) },
  );

/**
 * 410 without a known reason, or `KEY_DELETED_ERR`; DeleteKey and lockers excepted. Not NOT_FOUND:
 * a caller that creates a new root key for a missing one hides that data was crypto-shredded.
 */
export const keyDeleted: Failure = (f) =>
  fail(
    f,
    status.FAILED_PRECONDITION,
    "KEY_DELETED",
    `${named(f)} was deleted; data wrapped by it cannot be unwrapped unless the key is restored`,
    {
      preconditions: precondition(f, "KEY_DELETED", "the key was deleted"),
      resource: resource(f),
    },
  );

/** DeleteKey: 410 without a known reason, or `KEY_DELETED_ERR`. */
export const alreadyDeleted: Failure = (f) =>
  fail(
    f,
    status.NOT_FOUND,
    "KEY_DELETED",
    `${named(f)} was already deleted; set allow_missing to get OK for a deleted key`,
    { resource: resource(f) },
  );

/** `PROTECTED_RESOURCE_ERR`, `FORCE_REQ_ERR` or `PREV_KEY_DEL_ERR`. */
export const keyProtectsResources: Failure = (f) =>
  fail(
    f,
    status.FAILED_PRECONDITION,
    "KEY_PROTECTS_RESOURCES",
    `${named(f)} protects cloud resources; first remove the resources or their registrations`,
    {
      preconditions: precondition(f, "KEY_PROTECTS_RESOURCES", "resources are registered"),
      resource: resource(f),
      help: [apiHelp],
    },
  );

/** `AUTHORIZATIONS_NOT_MET`. */
export const dualAuthRequired: Failure = (f) =>
  fail(
    f,
    status.FAILED_PRECONDITION,
    "DUAL_AUTH_REQUIRED",
    `the deletion of ${named(f)} needs two authorizations; another user has to set the key for deletion first`,
    {
      preconditions: precondition(f, "DUAL_AUTHORIZATION", "a second authorization is needed"),
    },
  );

/** `KEY_CREATE_IMPORT_ACCESS_ERR`. */
export const instancePolicyViolation: Failure = (f) =>
  fail(
    f,
    status.FAILED_PRECONDITION,
    "INSTANCE_POLICY_VIOLATION",
    `a policy of instance "${f.context.instance}" does not allow this way of creating or importing keys`,
    {
      preconditions: precondition(f, "INSTANCE_POLICY", "key create and import policy"),
      help: [apiHelp],
    },
  );

/**
 * `IMPORT_TOKEN_EXPIRED_ERR`. For an RPC with a locker in its path also 409 or 410 without a known
 * reason, and `KEY_DELETED_ERR`.
 */
export const importTokenExpired: Failure = (f) =>
  fail(
    f,
    status.FAILED_PRECONDITION,
    "IMPORT_TOKEN_EXPIRED",
    "the locker or import token has expired, or its retrievals are used up; create a new locker",
    { preconditions: precondition(f, "IMPORT_TOKEN_EXPIRED", "a new locker is needed") },
  );

/** `KEY_ROTATION_NOT_PERMITTED`. Retry delay: one hour, more than any `Retry-After`. */
export const rotatedRecently: Failure = (f) =>
  fail(
    f,
    status.FAILED_PRECONDITION,
    "KEY_ROTATED_RECENTLY",
    `${named(f)} was rotated within the last hour; Key Protect allows one rotation an hour`,
    {
      preconditions: precondition(f, "KEY_ROTATION_INTERVAL", "one rotation an hour"),
      retryDelayMs: retryDelay(f, rotationIntervalMs),
    },
  );

/** CreateKey: 409 without a known reason. Every RPC: `KEY_ALIAS_NOT_UNIQUE_ERR`. */
export const resourceExists: Failure = (f) =>
  fail(
    f,
    status.ALREADY_EXISTS,
    "RESOURCE_EXISTS",
    `a resource with this name already exists in instance "${f.context.instance}"`,
    { resource: resource(f) },
  );

/**
 * ReplaceInstancePolicies: the policies may shut the gateway out. Nothing was sent. `causes` are
 * types of preconditions with their descriptions; at least one.
 */
export const policyLockout =
  (causes: readonly (readonly [type: string, description: string])[]): Failure =>
  (f) =>
    fail(
      f,
      status.FAILED_PRECONDITION,
      "POLICY_LOCKOUT",
      `the policies may shut the gateway out of instance "${f.context.instance}": ${causes.map(([, description]) => description).join("; ")}; set accept_lockout to set them all the same`,
      {
        preconditions: causes.flatMap(
          ([type, description]) => precondition(f, type, description) ?? [],
        ),
        resource: resource(f),
      },
    );

/** ListKeys: the last key of the previous page is not found near its place. */
export const listChanged = (): StatusError =>
  new StatusError(
    status.ABORTED,
    "LIST_CHANGED",
    "the list changed too much since the previous page and cannot be continued; start again without page_token",
  );
