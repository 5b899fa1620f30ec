/** The routes that create, read, delete, restore and purge keys. */
import { createKey } from "./create-key.ts";
import { collection, noContent, pagination, preferenceOf } from "../api/route.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import { isJsonObject, stringField } from "../api/json-fields.ts";
import type { KeyRecord } from "./record.ts";
import {
  keyResource,
  keyResourceWithPayload,
  keyType,
  liveDeletionAuthorization,
  minimalKeyResource,
} from "./resource.ts";
import { keyOf, selectKeys } from "./query.ts";
import { keyState, obstacleTo, stateOf, timersMs } from "./state.ts";
import type { Operation } from "../api/operations.ts";
import type { Environment } from "../environment.ts";
import { rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type KeyOperation = Extract<
  Operation,
  | "createKey"
  | "createKeyWithPoliciesOverrides"
  | "getKeys"
  | "getKeyCollectionMetadata"
  | "getKey"
  | "getKeyMetadata"
  | "patchKey"
  | "deleteKey"
  | "purgeKey"
  | "restoreKey"
  | "getKeyVersions"
>;

const versionType = "application/vnd.ibm.kms.key.version+json";

const keyAnswer = (status: number, resource: object): Answer => ({
  status,
  mediaType: keyType,
  body: collection(keyType, [resource]),
});

/** Creates the routes of the key resource. */
export function createKeyRoutes(environment: Environment): Record<KeyOperation, Route> {
  const { profile } = environment;

  function create(call: Call, hasOverrides: boolean): Answer {
    const key = createKey(call, environment, hasOverrides);
    const resource =
      preferenceOf(call.headers) === "representation"
        ? keyResourceWithPayload(key, call.now, profile)
        : minimalKeyResource(key, call.now);
    return keyAnswer(201, resource);
  }

  function remove(call: Call): Answer {
    const key = keyOf(call);
    const { now, user } = call;
    if (obstacleTo("delete", stateOf(key, now), profile.isUsableWhenDeactivated) !== undefined) {
      throw rejection("KEY_DELETED_ERR");
    }
    checkUses(key, call);
    if (key.dualAuthDelete?.setting === true) {
      const first = liveDeletionAuthorization(key, now);
      if (first === undefined || first.by === user.subject) {
        throw rejection("AUTHORIZATIONS_NOT_MET", {
          state: "1 prior authorization(s) are required for deletion",
        });
      }
    }
    key.deletion = { at: now, by: user.subject };
    key.deletionAuthorization = undefined;
    key.updatedAt = now;
    key.lifecycleEventAt = now;
    if (preferenceOf(call.headers) !== "representation") return noContent;
    return keyAnswer(200, keyResource(key, now, profile));
  }

  function purge(call: Call): Answer {
    const key = keyOf(call);
    if (key.deletion === undefined) throw rejection("KEY_ACTION_INVALID_STATE_ERR");
    if (call.now < key.deletion.at + timersMs.purgeAllowed) {
      throw rejection("REQ_TOO_EARLY_ERR", {
        detail: "Purge operation is allowed 4h0m0s after key is deleted",
      });
    }
    const resource = keyResource(key, call.now, profile);
    call.instance.keys.purge(key);
    if (preferenceOf(call.headers) !== "representation") return noContent;
    return keyAnswer(200, resource);
  }

  function restore(call: Call): Answer {
    const key = keyOf(call);
    const { now } = call;
    if (key.deletion === undefined) {
      throw rejection("KEY_ACTION_INVALID_STATE_ERR", { state: "Key is not in destroyed state" });
    }
    if (key.expiresAt !== undefined && key.expiresAt <= now) {
      throw rejection("KEY_EXPIRED_ERR", {
        state: `The key expired on ${toVendorDate(key.expiresAt)}`,
      });
    }
    if (now >= key.deletion.at + timersMs.restoreAllowed) throw rejection("KEY_RESTORE_EXPIRED");
    if (now < key.deletion.at + timersMs.settle) throw rejection("REQ_TOO_EARLY_ERR");
    key.deletion = undefined;
    key.suspendedAt = undefined;
    key.updatedAt = now;
    key.lifecycleEventAt = now;
    return keyAnswer(201, keyResource(key, now, profile));
  }

  function list(call: Call): Answer {
    const selection = selectKeys(call, profile.listDefaultLimit);
    return {
      status: 200,
      mediaType: profile.listCollectionType,
      headers: { "Key-Total": String(selection.total) },
      body: collection(
        profile.listCollectionType,
        selection.page.map((key) => keyResource(key, call.now, profile)),
        selection.metadata,
      ),
    };
  }

  function patch(call: Call): Answer {
    const key = keyOf(call);
    if (!isJsonObject(call.body)) throw rejection("NO_BODY_ERR");
    const ringId = stringField(call.body, "keyRingID");
    if (ringId === undefined || (ringId !== "default" && !call.instance.rings.has(ringId))) {
      throw rejection("KEY_RING_NOT_FOUND_ERR");
    }
    key.ringId = ringId;
    key.updatedAt = call.now;
    return keyAnswer(200, keyResource(key, call.now, profile));
  }

  return {
    createKey: (call) => create(call, false),
    createKeyWithPoliciesOverrides: (call) => create(call, true),
    getKeys: list,
    getKeyCollectionMetadata: (call) => ({
      status: 200,
      headers: { "Key-Total": String(selectKeys(call, profile.listDefaultLimit).total) },
    }),
    getKey: (call) => keyAnswer(200, keyResourceWithPayload(keyOf(call), call.now, profile)),
    getKeyMetadata: (call) => keyAnswer(200, keyResource(keyOf(call), call.now, profile)),
    patchKey: patch,
    deleteKey: remove,
    purgeKey: purge,
    restoreKey: restore,
    getKeyVersions: versions,
  };
}

// An active root key of a KMIP adapter cannot be deleted, not even by force.
function checkUses(key: KeyRecord, { instance, query, now }: Call): void {
  const { registrations } = key;
  const servesAdapter =
    stateOf(key, now) === keyState.active &&
    [...instance.kmipAdapters.values()].some(({ rootKeyId }) => rootKeyId === key.id);
  if (registrations.length === 0 && !servesAdapter) return;
  if (query.get("force") !== "true") {
    throw rejection("PROTECTED_RESOURCE_ERR", { target: { type: "query_param", name: "force" } });
  }
  if (servesAdapter || registrations.some(({ preventsDeletion }) => preventsDeletion)) {
    throw rejection("PREV_KEY_DEL_ERR");
  }
}

function versions(call: Call): Answer {
  const key = keyOf(call);
  if (key.extractable) throw rejection("KEY_ROOT_REQ_ERR");
  const state = stateOf(key, call.now);
  if (state !== keyState.active && call.query.get("allKeyStates") !== "true") {
    throw rejection("KEY_ACTION_INVALID_STATE_ERR");
  }
  const { items, metadata } = pagination(call.query, 200)(key.versions.toReversed());
  return {
    status: 200,
    mediaType: versionType,
    body: collection(
      versionType,
      items.map(({ id, createdAt }) => ({ id, creationDate: toVendorDate(createdAt) })),
      metadata,
    ),
  };
}
