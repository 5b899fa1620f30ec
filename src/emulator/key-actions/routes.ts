/**
 * The routes of the actions that change a key: rotate, enable, disable, authorize deletion, sync.
 */
import { randomBytes } from "node:crypto";
import { bodyOf, checkState, readyKey } from "./checks.ts";
import { noContent } from "../api/route.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import { readMaterial } from "../lockers/import-material.ts";
import type { KeyRecord } from "../keys/record.ts";
import { keyOf } from "../keys/query.ts";
import { timersMs } from "../keys/state.ts";
import { addKeyVersion } from "../keys/store.ts";
import type { Operation } from "../api/operations.ts";
import type { Environment } from "../environment.ts";
import { invalidQuery, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type ActionOperation = Extract<
  Operation,
  | "rotateKey"
  | "enableKey"
  | "disableKey"
  | "setKeyForDeletion"
  | "unsetKeyForDeletion"
  | "syncAssociatedResources"
>;

/** Creates the routes of the actions that change a key. */
export function createActionRoutes({ profile }: Environment): Record<ActionOperation, Route> {
  function rotateKey(call: Call): Answer {
    const key = readyKey(call, "rotate", profile);
    const { instance, now } = call;
    const brought = readMaterial(bodyOf(call) ?? {}, true, instance, now);
    if (key.imported && brought === undefined) {
      throw rejection("KEY_PAYLOAD_REQ_ERR", {
        detail: "Key material is required to perform a 'rotate' action",
        target: { type: "field", name: "payload" },
      });
    }
    if (!key.imported && brought !== undefined) {
      throw invalidQuery("payload", "provided only if key is imported");
    }
    const policy = instance.policies.get("keyCreateImportAccess")?.setting;
    const isTokenNeeded =
      policy?.isEnabled === true && policy.attributes?.["enforce_token"] === true;
    if (isTokenNeeded && brought?.isEncrypted === false) {
      throw rejection("KEY_CREATE_IMPORT_ACCESS_ERR");
    }
    if (key.rotatedAt !== undefined && now < key.rotatedAt + timersMs.rotation) {
      throw rejection("KEY_ROTATION_NOT_PERMITTED");
    }
    addKeyVersion(key, brought?.material ?? randomBytes(32), now);
    return noContent;
  }

  function disableKey(call: Call): Answer {
    const key = readyKey(call, "disable", profile);
    key.suspendedAt = call.now;
    recordLifecycleEvent(key, call.now);
    return noContent;
  }

  function enableKey(call: Call): Answer {
    const key = readyKey(call, "enable", profile);
    if (key.suspendedAt !== undefined && call.now < key.suspendedAt + timersMs.settle) {
      throw rejection("REQ_TOO_EARLY_ERR");
    }
    key.suspendedAt = undefined;
    recordLifecycleEvent(key, call.now);
    return noContent;
  }

  // Standard keys can have dual authorization too.
  function authorizableKey(call: Call): KeyRecord {
    const key = keyOf(call);
    checkState(key, "authorize-deletion", call.now, profile);
    if (key.dualAuthDelete?.setting !== true) throw rejection("NOT_DUAL_AUTH_ERR");
    return key;
  }

  function setKeyForDeletion(call: Call): Answer {
    authorizableKey(call).deletionAuthorization = { at: call.now, by: call.user.subject };
    return noContent;
  }

  function unsetKeyForDeletion(call: Call): Answer {
    authorizableKey(call).deletionAuthorization = undefined;
    return noContent;
  }

  return {
    rotateKey,
    enableKey,
    disableKey,
    setKeyForDeletion,
    unsetKeyForDeletion,
    syncAssociatedResources: sync,
  };
}

function sync(call: Call): Answer {
  const key = keyOf(call);
  const earliest = (key.lifecycleEventAt ?? Number.NEGATIVE_INFINITY) + timersMs.sync;
  if (call.now < earliest) {
    throw rejection("REQ_TOO_EARLY_ERR", {
      detail: `Sync cannot be performed until at least ${toVendorDate(earliest)}`,
    });
  }
  key.lifecycleEventAt = call.now;
  return noContent;
}

function recordLifecycleEvent(key: KeyRecord, now: number): void {
  key.updatedAt = now;
  key.lifecycleEventAt = now;
}
