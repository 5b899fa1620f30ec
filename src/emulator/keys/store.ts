/** The keys of one instance, by ID and by alias. */
import { randomBytes, randomUUID } from "node:crypto";
import type { KeyRecord } from "./record.ts";
import { newestVersion } from "./record.ts";
import { isPurgedByAge, timersMs } from "./state.ts";
import { rejection } from "../api/vendor-error.ts";

/** The keys of an instance. Reading applies rotations and purges that are due. */
export interface KeyStore {
  /** Adds a new key. */
  add(key: KeyRecord): void;
  /** Finds a key by ID or alias, in ring `ringId` if given. Rejects with KEY_NOT_FOUND_ERR. */
  get(idOrAlias: string, ringId: string | undefined, now: number): KeyRecord;
  /** Returns all keys that are not purged, in no particular order. */
  all(now: number): KeyRecord[];
  /** Returns the ID of the key that has an alias. */
  keyIdOfAlias(alias: string): string | undefined;
  /** Adds an alias to a key. */
  addAlias(key: KeyRecord, alias: string): void;
  /** Removes an alias. Returns `false` if the key does not have it. */
  removeAlias(key: KeyRecord, alias: string): boolean;
  /** Removes a key and overwrites its material. */
  purge(key: KeyRecord): void;
}

/** Creates an empty store. */
export function createKeyStore(): KeyStore {
  const keys = new Map<string, KeyRecord>();
  const keyIds = new Map<string, string>();

  function purge(key: KeyRecord): void {
    keys.delete(key.id);
    for (const alias of key.aliases) keyIds.delete(alias);
    for (const version of key.versions) version.material.fill(0);
  }

  function isPresent(key: KeyRecord, now: number): boolean {
    if (isPurgedByAge(key, now)) {
      purge(key);
      return false;
    }
    if (key.rotation !== undefined) rotateByPolicy(key, now);
    return true;
  }

  return {
    add(key) {
      keys.set(key.id, key);
      for (const alias of key.aliases) keyIds.set(alias, key.id);
    },
    get(idOrAlias, ringId, now) {
      const key = keys.get(idOrAlias) ?? keys.get(keyIds.get(idOrAlias) ?? "");
      if (key === undefined || !isPresent(key, now)) throw rejection("KEY_NOT_FOUND_ERR");
      if (ringId !== undefined && ringId !== key.ringId) throw rejection("KEY_NOT_FOUND_ERR");
      return key;
    },
    all: (now) => [...keys.values()].filter((key) => isPresent(key, now)),
    keyIdOfAlias: (alias) => keyIds.get(alias),
    addAlias(key, alias) {
      key.aliases.push(alias);
      keyIds.set(alias, key.id);
    },
    removeAlias(key, alias) {
      const index = key.aliases.indexOf(alias);
      if (index < 0) return false;
      key.aliases.splice(index, 1);
      return keyIds.delete(alias);
    },
    purge,
  };
}

/** Adds a version to a key, created at time `at`. */
export function addKeyVersion(key: KeyRecord, material: Buffer, at: number): void {
  key.versions.push({ id: randomUUID(), createdAt: at, material });
  key.rotatedAt = at;
  key.updatedAt = at;
  key.lifecycleEventAt = at;
}

// Applies every rotation that became due by the policy since the last access to the key.
function rotateByPolicy(key: KeyRecord, now: number): void {
  if (key.rotation?.setting.isEnabled !== true || key.deletion !== undefined) return;
  const intervalMs = key.rotation.setting.intervalMonths * timersMs.month;
  for (;;) {
    const dueAt = Math.max(newestVersion(key).createdAt, key.rotation.updatedAt) + intervalMs;
    const endsAt = Math.min(now, key.expiresAt ?? Number.POSITIVE_INFINITY);
    if (dueAt > endsAt || key.suspendedAt !== undefined) return;
    addKeyVersion(key, randomBytes(32), dueAt);
  }
}
