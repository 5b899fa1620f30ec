/** What every action on a key checks first: that the key is there, of the right kind, and in a state that allows it. */
import type { Call } from "../api/route.ts";
import { isJsonObject } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import type { KeyRecord } from "../keys/record.ts";
import { keyOf } from "../keys/query.ts";
import { obstacleTo, stateOf } from "../keys/state.ts";
import type { KeyAction } from "../keys/state.ts";
import type { Profile } from "../profile.ts";
import { refusal } from "../api/vendor-error.ts";

const neededStates: Partial<Record<KeyAction, string>> = {
  disable: "Key is not in active state",
  enable: "Key is not in suspended state",
};

/** Refuses an action that the key's state does not allow. */
export function checkState(key: KeyRecord, action: KeyAction, now: number, profile: Profile): void {
  const obstacle = obstacleTo(action, stateOf(key, now), profile.isUsableWhenDeactivated);
  if (obstacle === "deleted") throw refusal("KEY_DELETED_ERR");
  if (obstacle === "wrong-state") {
    const state = neededStates[action];
    throw refusal("KEY_ACTION_INVALID_STATE_ERR", state === undefined ? {} : { state });
  }
}

/** Finds the root key that an action is for, and refuses standard keys and states that do not allow it. */
export function readyKey(call: Call, action: KeyAction, profile: Profile): KeyRecord {
  const key = keyOf(call);
  if (key.extractable && key.deletion === undefined) throw refusal("KEY_ROOT_REQ_ERR");
  checkState(key, action, call.now, profile);
  return key;
}

/** Reads the body of an action, which may have none. */
export function bodyOf({ body }: Call): JsonObject | undefined {
  if (body === undefined) return undefined;
  if (!isJsonObject(body)) throw refusal("BAD_BODY_ERR", { detail: "not an object" });
  return body;
}
