/** The JSON of keys in answers. JSON.stringify omits fields that are `undefined`. */
import type { KeyRecord } from "./record.ts";
import { newestVersion } from "./record.ts";
import { keyState, stateOf, timersMs } from "./state.ts";
import type { Profile } from "../profile.ts";
import { toVendorDate } from "../clock.ts";

/** The media type of keys. */
export const keyType = "application/vnd.ibm.kms.key+json";

/** `nonactiveStateReason` of a deleted key. IBM does not publish the meaning of the other codes. */
const deletedStateReason = 2;

const optionalDate = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : toVendorDate(ms);

/** Returns the JSON of a key without its material. */
export function keyResource(key: KeyRecord, now: number, profile: Profile): object {
  const state = stateOf(key, now);
  const isRootKey = !key.extractable;
  const version = newestVersion(key);
  const bitLength = version.material.length * 8;
  return {
    type: keyType,
    id: key.id,
    name: key.name,
    aliases: key.aliases.length === 0 ? undefined : key.aliases,
    description: key.description,
    tags: key.tags.length === 0 ? undefined : key.tags,
    state,
    expirationDate: optionalDate(key.expiresAt),
    extractable: key.extractable,
    crn: key.crn,
    imported: key.imported,
    keyRingID: key.ringId,
    creationDate: toVendorDate(key.createdAt),
    createdBy: key.createdBy,
    algorithmType: profile.algorithm.type,
    algorithmMetadata: { bitLength: String(bitLength), mode: profile.algorithm.mode },
    algorithmBitSize: bitLength,
    algorithmMode: profile.algorithm.mode,
    nonactiveStateReason: key.deletion === undefined ? undefined : deletedStateReason,
    lastUpdateDate: optionalDate(
      key.updatedAt ?? (profile.freshKeyHasLastUpdateDate ? key.createdAt : undefined),
    ),
    lastRotateDate: optionalDate(key.rotatedAt),
    keyVersion:
      isRootKey && profile.showsKeyVersions && state !== keyState.destroyed
        ? { id: version.id, creationDate: toVendorDate(version.createdAt) }
        : undefined,
    dualAuthDelete: dualAuthDeleteOf(key, now),
    rotation:
      key.rotation === undefined
        ? undefined
        : {
            enabled: key.rotation.setting.isEnabled,
            interval_month: key.rotation.setting.intervalMonths,
          },
    deleted: key.deletion !== undefined,
    ...deletionOf(key, now),
  };
}

/** Returns the JSON of a key, with the material of a standard key that is not deleted. */
export function keyResourceWithPayload(key: KeyRecord, now: number, profile: Profile): object {
  const resource = keyResource(key, now, profile);
  if (!key.extractable || key.deletion !== undefined) return resource;
  return { ...resource, payload: newestVersion(key).material.toString("base64") };
}

/** Returns the fields of a key in an answer without full representation. */
export function minimalKeyResource(key: KeyRecord, now: number): object {
  return {
    type: keyType,
    id: key.id,
    name: key.name,
    aliases: key.aliases.length === 0 ? undefined : key.aliases,
    state: stateOf(key, now),
    extractable: key.extractable,
    crn: key.crn,
    imported: key.imported,
  };
}

/** Returns the first authorization to delete a key, unless it has expired (after 7 days). */
export function liveDeletionAuthorization(
  key: KeyRecord,
  now: number,
): KeyRecord["deletionAuthorization"] {
  const authorization = key.deletionAuthorization;
  if (authorization === undefined) return undefined;
  return now < authorization.at + timersMs.deletionAuthorization ? authorization : undefined;
}

function dualAuthDeleteOf(key: KeyRecord, now: number): object {
  if (key.dualAuthDelete?.setting !== true) return { enabled: false };
  const authorization = liveDeletionAuthorization(key, now);
  return {
    enabled: true,
    keySetForDeletion: authorization !== undefined,
    authExpiration: optionalDate(
      authorization === undefined ? undefined : authorization.at + timersMs.deletionAuthorization,
    ),
  };
}

function deletionOf(key: KeyRecord, now: number): object {
  if (key.deletion === undefined) return {};
  const { at, by } = key.deletion;
  const isExpired = key.expiresAt !== undefined && key.expiresAt <= now;
  return {
    deletionDate: toVendorDate(at),
    deletedBy: by,
    restoreExpirationDate: toVendorDate(at + timersMs.restoreAllowed),
    restoreAllowed: now < at + timersMs.restoreAllowed && !isExpired,
    purgeAllowed: now >= at + timersMs.purgeAllowed,
    purgeAllowedFrom: toVendorDate(at + timersMs.purgeAllowed),
    purgeScheduledOn: toVendorDate(at + timersMs.purgeScheduled),
  };
}
