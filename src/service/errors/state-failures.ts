/** What the state of a key, locker or instance does not allow. */
import { status } from "@grpc/grpc-js";
import { StatusError } from "../../grpc/status/status-error.ts";
import { apiHelp, fail, named, precondition, resource, type Failure } from "./failure.ts";

/** One rotation per key and hour. */
const rotationIntervalMs = 3_600_000;

/** Key Protect refuses some changes for 30 s after the last one. */
const keyCooldownMs = 30_000;

const stateInvalid =
  (type: string, description: string): Failure =>
  (s) =>
    fail(s, status.FAILED_PRECONDITION, "KEY_STATE_INVALID", `${named(s)}: ${description}`, {
      preconditions: precondition(s, type, description),
      resource: resource(s),
    });

export const keyNotImported: Failure = stateInvalid(
  "KEY_NOT_IMPORTED",
  "only an imported key can be restored",
);

export const keyExpired: Failure = stateInvalid(
  "KEY_EXPIRED",
  "the key, or the time to restore it, has expired",
);

export const keyState: Failure = stateInvalid(
  "KEY_STATE",
  "the key is not in a state that allows this",
);

export const keyVersionInvalid: Failure = stateInvalid(
  "KEY_VERSION",
  "the key version is not valid any more",
);

/** GetKeyMaterial: the answer has the state of a deleted key, without material. */
export const materialDeleted: Failure = (s) => {
  const description = "deleted; its material is gone";
  return fail(s, status.FAILED_PRECONDITION, "KEY_DELETED", `${named(s)}: ${description}`, {
    preconditions: precondition(s, "KEY_DELETED", description),
    resource: resource(s),
  });
};

/** GetKeyMaterial: the answer has another state than active, without material. */
export const materialWithheld: Failure = stateInvalid(
  "KEY_STATE",
  "in a state in which Key Protect does not give out its material",
);

export const keyNotFound: Failure = (s) =>
  fail(
    s,
    status.NOT_FOUND,
    "KEY_NOT_FOUND",
    `${named(s)} does not exist in instance "${s.context.instance}"; check the ID and the x-kp-instance metadata`,
    { resource: resource(s) },
  );

export const lockerNotFound: Failure = (s) =>
  fail(
    s,
    status.NOT_FOUND,
    "LOCKER_NOT_FOUND",
    `${named(s)} does not exist in instance "${s.context.instance}": it expired, was used up or was replaced; create a new one`,
    { resource: resource(s) },
  );

/** Not NOT_FOUND: that invites "not found, so create a new root key", which hides that data has been shredded. */
export const keyDeleted: Failure = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "KEY_DELETED",
    `${named(s)} was deleted; what it wraps cannot be unwrapped unless the key is restored`,
    {
      preconditions: precondition(s, "KEY_DELETED", "the key was deleted"),
      resource: resource(s),
    },
  );

export const alreadyDeleted: Failure = (s) =>
  fail(
    s,
    status.NOT_FOUND,
    "KEY_DELETED",
    `${named(s)} was deleted before; set allow_missing to have that answered with OK`,
    { resource: resource(s) },
  );

export const keyProtectsResources: Failure = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "KEY_PROTECTS_RESOURCES",
    `${named(s)} protects cloud resources; remove those, or their registrations, first`,
    {
      preconditions: precondition(s, "KEY_PROTECTS_RESOURCES", "resources are registered"),
      resource: resource(s),
      help: [apiHelp],
    },
  );

export const dualAuthRequired: Failure = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "DUAL_AUTH_REQUIRED",
    `${named(s)} needs two authorizations to be deleted: another user has to set it for deletion first`,
    {
      preconditions: precondition(s, "DUAL_AUTHORIZATION", "a second authorization is needed"),
    },
  );

export const instancePolicyViolation: Failure = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "INSTANCE_POLICY_VIOLATION",
    `a policy of instance "${s.context.instance}" does not allow this way of creating or importing keys`,
    {
      preconditions: precondition(s, "INSTANCE_POLICY", "key create and import policy"),
      help: [apiHelp],
    },
  );

export const importTokenExpired: Failure = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "IMPORT_TOKEN_EXPIRED",
    "the locker or import token has expired or its retrievals are used up; create a new one",
    { preconditions: precondition(s, "IMPORT_TOKEN_EXPIRED", "a new locker is needed") },
  );

export const rotatedRecently: Failure = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "KEY_ROTATED_RECENTLY",
    `${named(s)} was rotated within the last hour; Key Protect allows one rotation an hour`,
    {
      preconditions: precondition(s, "KEY_ROTATION_INTERVAL", "one rotation an hour"),
      retryDelayMs: s.retryAfterMs ?? rotationIntervalMs,
    },
  );

export const changedRecently: Failure = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "KEY_CHANGED_RECENTLY",
    `${named(s)} was changed a moment ago; Key Protect needs about 30 seconds in between`,
    { retryDelayMs: s.retryAfterMs ?? keyCooldownMs },
  );

export const resourceExists: Failure = (s) =>
  fail(
    s,
    status.ALREADY_EXISTS,
    "RESOURCE_EXISTS",
    `something of that name exists already in instance "${s.context.instance}"`,
    { resource: resource(s) },
  );

/** A list cannot be continued: the item before the page is not found near its place. */
export const listChanged = (): StatusError =>
  new StatusError(
    status.ABORTED,
    "LIST_CHANGED",
    "the list changed so much since the page before that it cannot be continued; start again without page_token",
  );
