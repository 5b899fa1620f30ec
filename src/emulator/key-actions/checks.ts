/** Checks that precede every action on a key: existence, type and state. */
import type { Call } from "../api/route.ts";
import { isJsonObject } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import type { KeyRecord } from "../keys/record.ts";
import { keyOf } from "../keys/query.ts";
import { obstacleTo, stateOf } from "../keys/state.ts";
import type { KeyAction } from "../keys/state.ts";
import type { Profile } from "../profile.ts";
import { rejection } from "../api/vendor-error.ts";

const neededStates: Partial<Record<KeyAction, string>> = {
  disable: "Key is not in active state",
  enable: "Key is not in suspended state",
};

/** Rejects an action that the key's state does not allow. */
export function checkState(key: KeyRecord, action: KeyAction, now: number, profile: Profile): void {
  const obstacle = obstacleTo(action, stateOf(key, now), profile.isUsableWhenDeactivated);
  if (obstacle === "deleted") throw rejection("KEY_DELETED_ERR");
  if (obstacle === "wrong-state") {
    const state = neededStates[action];
    throw rejection("KEY_ACTION_INVALID_STATE_ERR", state === undefined ? {} : { state });
  }
}

/** Finds the root key of an action. Rejects standard keys and states that forbid the action. */
export function readyKey(call: Call, action: KeyAction, profile: Profile): KeyRecord {
  const key = keyOf(call);
  if (key.extractable && key.deletion === undefined) throw rejection("KEY_ROOT_REQ_ERR");
  checkState(key, action, call.now, profile);
  return key;
}

/** Returns the body of an action, which is optional. Rejects bodies that are no objects. */
export function bodyOf({ body }: Call): JsonObject | undefined {
  if (body === undefined) return undefined;
  if (!isJsonObject(body)) throw rejection("BAD_BODY_ERR", { detail: "not an object" });
  return body;
}
