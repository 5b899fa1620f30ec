/** Key states: the actions that each state allows, and the timers of a key. */
import type { KeyRecord } from "./record.ts";

/** Key states with the numbers of Key Protect. 0 (pre-activation) and 4 never occur. */
export const keyState = { active: 1, suspended: 2, deactivated: 3, destroyed: 5 } as const;

/** The number of a key state. */
export type KeyState = (typeof keyState)[keyof typeof keyState];

/** The actions on a key whose permission depends on its state. */
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

/** The timers of a key, in milliseconds. */
export const timersMs = {
  /** Shortest time between disable and enable, and between delete and restore. */
  settle: 30 * secondMs,
  /** Shortest time between two rotations. */
  rotation: hourMs,
  /** Shortest time between a lifecycle event and a sync. */
  sync: hourMs,
  /** Time from the deletion until a purge is allowed. */
  purgeAllowed: 4 * hourMs,
  /** Time from the deletion until a restore is no longer allowed. */
  restoreAllowed: 30 * dayMs,
  /** Time from the deletion until the service purges the key. */
  purgeScheduled: 90 * dayMs,
  /** Life of the first authorization to delete a key. */
  deletionAuthorization: 7 * dayMs,
  /** A month in a rotation policy. */
  month: 30 * dayMs,
} as const;

/** Returns the state of a key at a time. */
export function stateOf(key: KeyRecord, now: number): KeyState {
  if (key.deletion !== undefined) return keyState.destroyed;
  if (key.expiresAt !== undefined && key.expiresAt <= now) return keyState.deactivated;
  return key.suspendedAt === undefined ? keyState.active : keyState.suspended;
}

/** Tells whether the service has purged a key because its deletion is 90 days old. */
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
 * Returns why a state forbids an action: the key is deleted, or the action needs another state.
 * Returns `undefined` if the action is allowed. IBM's documents disagree on whether an expired
 * (deactivated) key can unwrap, rewrap and rotate; `isUsableWhenDeactivated` decides.
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
