/** The life of a key: which action is allowed in which state, and how long the timers run. */
import type { KeyRecord } from "./record.ts";

/** Key states as Key Protect numbers them. 0 (pre-activation) and 4 never occur. */
export const keyState = { active: 1, suspended: 2, deactivated: 3, destroyed: 5 } as const;

export type KeyState = (typeof keyState)[keyof typeof keyState];

/** What can be asked of a key beyond reading it. */
export type KeyAction =
  | "wrap"
  | "unwrap"
  | "rewrap"
  | "rotate"
  | "disable"
  | "enable"
  | "authorize-deletion"
  | "delete"
  | "restore"
  | "purge";

const secondMs = 1000;
const hourMs = 3600 * secondMs;
const dayMs = 24 * hourMs;

/** The timers of a key's life, in milliseconds. */
export const timersMs = {
  /** Between disable and enable, and between delete and restore. */
  settle: 30 * secondMs,
  /** Between two rotations. */
  rotation: hourMs,
  /** Between a lifecycle event and a sync. */
  sync: hourMs,
  /** From the deletion until a purge is allowed. */
  purgeAllowed: 4 * hourMs,
  /** From the deletion until it can no longer be restored. */
  restoreAllowed: 30 * dayMs,
  /** From the deletion until the service purges by itself. */
  purgeScheduled: 90 * dayMs,
  /** Life of the first authorization to delete. */
  deletionAuthorization: 7 * dayMs,
  /** What a rotation policy calls a month. */
  month: 30 * dayMs,
} as const;

/** Tells the state of a key at a time. */
export function stateOf(key: KeyRecord, now: number): KeyState {
  if (key.deletion !== undefined) return keyState.destroyed;
  if (key.expiresAt !== undefined && key.expiresAt <= now) return keyState.deactivated;
  return key.suspendedAt === undefined ? keyState.active : keyState.suspended;
}

/** Tells whether the service has shredded a key by itself. */
export function isPurgedByAge(key: KeyRecord, now: number): boolean {
  return key.deletion !== undefined && now >= key.deletion.at + timersMs.purgeScheduled;
}

const { active, suspended, deactivated, destroyed } = keyState;

const allowedStates: Readonly<Record<KeyAction, readonly KeyState[]>> = {
  wrap: [active],
  unwrap: [active, deactivated],
  rewrap: [active, deactivated],
  rotate: [active, deactivated],
  disable: [active],
  enable: [suspended],
  "authorize-deletion": [active, deactivated],
  delete: [active, suspended, deactivated],
  restore: [destroyed],
  purge: [destroyed],
};

/**
 * Tells why a state stands in the way of an action: the key is deleted, or its state is another than the action needs.
 * Documents disagree whether an expired (deactivated) key still unwraps, rewraps and rotates: `isUsableWhenDeactivated`.
 */
export function obstacleTo(
  action: KeyAction,
  state: KeyState,
  isUsableWhenDeactivated: boolean,
): "deleted" | "wrong-state" | undefined {
  const isRestricted = state === deactivated && !isUsableWhenDeactivated && action !== "delete";
  if (allowedStates[action].includes(state) && !isRestricted) return undefined;
  return state === destroyed ? "deleted" : "wrong-state";
}
