/** What the state of a key, locker or instance does not allow. */
import { status } from "@grpc/grpc-js";
import { apiHelp, fail, named, precondition, resource, type Verdict } from "./failure.ts";

/** One rotation per key and hour. */
const rotationIntervalMs = 3_600_000;

/** Key Protect refuses some changes for 30 s after the last one. */
const keyCooldownMs = 30_000;

const stateInvalid =
  (type: string, description: string): Verdict =>
  (s) =>
    fail(s, status.FAILED_PRECONDITION, "KEY_STATE_INVALID", `${named(s)}: ${description}`, {
      preconditions: precondition(s, type, description),
      resource: resource(s),
    });

export const keyNotImported: Verdict = stateInvalid(
  "KEY_NOT_IMPORTED",
  "only an imported key can be restored",
);

export const keyExpired: Verdict = stateInvalid(
  "KEY_EXPIRED",
  "the key, or the time to restore it, has expired",
);

export const keyState: Verdict = stateInvalid(
  "KEY_STATE",
  "the key is not in a state that allows this",
);

export const keyVersionInvalid: Verdict = stateInvalid(
  "KEY_VERSION",
  "the key version is not valid any more",
);

export const keyNotFound: Verdict = (s) =>
  fail(
    s,
    status.NOT_FOUND,
    "KEY_NOT_FOUND",
    `${named(s)} does not exist in instance "${s.context.instance}"; check the ID and the x-kp-instance metadata`,
    { resource: resource(s) },
  );

export const lockerNotFound: Verdict = (s) =>
  fail(
    s,
    status.NOT_FOUND,
    "LOCKER_NOT_FOUND",
    `${named(s)} does not exist in instance "${s.context.instance}": it expired, was used up or was replaced; create a new one`,
    { resource: resource(s) },
  );

/** Not NOT_FOUND: that invites "not found, so create a new root key", which hides that data has been shredded. */
export const keyDeleted: Verdict = (s) =>
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

export const alreadyDeleted: Verdict = (s) =>
  fail(
    s,
    status.NOT_FOUND,
    "KEY_DELETED",
    `${named(s)} was deleted before; set allow_missing to have that answered with OK`,
    { resource: resource(s) },
  );

export const keyProtectsResources: Verdict = (s) =>
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

export const dualAuthRequired: Verdict = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "DUAL_AUTH_REQUIRED",
    `${named(s)} needs two authorizations to be deleted: another user has to set it for deletion first`,
    {
      preconditions: precondition(s, "DUAL_AUTHORIZATION", "a second authorization is needed"),
    },
  );

export const instancePolicyViolation: Verdict = (s) =>
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

export const importTokenExpired: Verdict = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "IMPORT_TOKEN_EXPIRED",
    "the locker or import token has expired or its retrievals are used up; create a new one",
    { preconditions: precondition(s, "IMPORT_TOKEN_EXPIRED", "a new locker is needed") },
  );

export const rotatedRecently: Verdict = (s) =>
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

export const changedRecently: Verdict = (s) =>
  fail(
    s,
    status.FAILED_PRECONDITION,
    "KEY_CHANGED_RECENTLY",
    `${named(s)} was changed a moment ago; Key Protect needs about 30 seconds in between`,
    { retryDelayMs: s.retryAfterMs ?? keyCooldownMs },
  );

export const resourceExists: Verdict = (s) =>
  fail(
    s,
    status.ALREADY_EXISTS,
    "RESOURCE_EXISTS",
    `something of that name exists already in instance "${s.context.instance}"`,
    { resource: resource(s) },
  );
