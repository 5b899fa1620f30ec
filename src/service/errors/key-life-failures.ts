/** Failures of the RPCs that move, restore, purge, enable, disable and synchronize keys. */
import { status } from "@grpc/grpc-js";
import { fail, named, precondition, resource, retryDelay, type Failure } from "./failure.ts";
import { stateInvalid } from "./state-failures.ts";

/** Key Protect rejects some changes of a key for 30 s after the last one. */
const keyCooldownMs = 30_000;

/** RestoreKey: `KEY_EXPIRED_ERR` or `KEY_RESTORE_EXPIRED`. */
const restoreExpired =
  (description: string): Failure =>
  (f) =>
    fail(f, status.FAILED_PRECONDITION, "KEY_RESTORE_EXPIRED", `${named(f)}: ${description}`, {
      preconditions: precondition(f, "KEY_RESTORE_EXPIRED", description),
      resource: resource(f),
    });

/** `KEY_RESTORE_EXPIRED`. */
export const restorePeriodOver: Failure = restoreExpired(
  "a deleted key can be restored for 30 days, and that time is over",
);

/** `KEY_EXPIRED_ERR`. */
export const keyExpired: Failure = (f) =>
  f.context.rpc.method === "RestoreKey"
    ? restoreExpired("the key has expired, so it cannot be restored")(f)
    : stateInvalid("KEY_EXPIRED", "the key has expired")(f);

/** `NOT_DUAL_AUTH_ERR`. */
export const dualAuthNotEnabled: Failure = (f) => {
  const description = "the key has no dual authorization policy, so one user can delete it alone";
  return fail(
    f,
    status.FAILED_PRECONDITION,
    "DUAL_AUTH_NOT_ENABLED",
    `${named(f)}: ${description}`,
    {
      preconditions: precondition(f, "DUAL_AUTH_NOT_ENABLED", description),
      resource: resource(f),
    },
  );
};

/** `KEY_RING_NOT_FOUND_ERR`. */
export const keyRingNotFound: Failure = (f) => {
  const keyRingId = f.subject.keyRingId ?? f.context.keyRing;
  return fail(
    f,
    status.NOT_FOUND,
    "KEY_RING_NOT_FOUND",
    `${keyRingId === undefined ? "the key ring" : `key ring ${keyRingId}`} does not exist in instance "${f.context.instance}"; create it, or check the ID`,
    { resource: resource({ ...f, subject: keyRingId === undefined ? {} : { keyRingId } }) },
  );
};

/** How long Key Protect rejects some changes, by RPC, in milliseconds and in words. */
const cooldowns: Readonly<Record<string, readonly [ms: number, rule: string]>> = {
  PurgeKey: [14_400_000, "a key can be purged from 4 hours after its deletion"],
  SyncKey: [3_600_000, "Key Protect allows one synchronization an hour"],
};

/** `REQ_TOO_EARLY_ERR`. Retry delay: `Retry-After`, but at least the time that the RPC demands. */
export const changedRecently: Failure = (f) => {
  const [delayMs, rule] = cooldowns[f.context.rpc.method] ?? [
    keyCooldownMs,
    "Key Protect needs about 30 seconds between changes",
  ];
  return fail(
    f,
    status.FAILED_PRECONDITION,
    "KEY_CHANGED_RECENTLY",
    `${named(f)} was changed too recently; ${rule}`,
    { retryDelayMs: retryDelay(f, delayMs) },
  );
};

/** `KEY_RING_NOT_EMPTY_ERR` or `KEY_RING_KEYS_NOT_DELETED_ERR`. */
export const keyRingNotEmpty: Failure = (f) => {
  const description =
    "the ring holds keys; move or delete them first, and use force for deleted ones";
  return fail(f, status.FAILED_PRECONDITION, "KEY_RING_NOT_EMPTY", `${named(f)}: ${description}`, {
    preconditions: precondition(f, "KEY_RING_NOT_EMPTY", "the ring holds keys"),
    resource: resource(f),
  });
};

/** `KEY_ALIAS_NOT_FOUND_ERR`. */
export const aliasNotFound: Failure = (f) =>
  fail(f, status.NOT_FOUND, "ALIAS_NOT_FOUND", `${named(f)} has no such alias`, {
    resource: resource(f),
  });
