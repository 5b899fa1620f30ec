import {
  KeyState,
  KeyType,
  type DualAuthDelete,
  type Key,
  type KeyVersion,
  type RotationState,
} from "../../gen/keyprotect/v1/key.ts";
import type { KeyResource, KeyVersionResource } from "../../keyprotect/resources.ts";
import { isUuid } from "../../platform/uuid.ts";
import { destroyedState } from "../key-protect.ts";

/**
 * The number as an `int32`; 0 if it is absent or no `int32`, because encoding would fail the call.
 */
export const toInt32 = (value: number | undefined): number =>
  value !== undefined && (value | 0) === value ? value : 0;

/** The time; `undefined` if it is absent or invalid, because encoding would fail the call. */
export const toTime = (value: Date | undefined): Date | undefined =>
  value === undefined || Number.isNaN(value.getTime()) ? undefined : value;

/** The upstream's numbers of states. A number that is not listed becomes `UNSPECIFIED`. */
const states: ReadonlyMap<number, KeyState> = new Map<number, KeyState>([
  [0, KeyState.PRE_ACTIVATION],
  [1, KeyState.ACTIVE],
  [2, KeyState.SUSPENDED],
  [3, KeyState.DEACTIVATED],
  [destroyedState, KeyState.DESTROYED],
]);

function toState(state: number | undefined): KeyState {
  if (state === undefined) return KeyState.UNSPECIFIED;
  return states.get(state) ?? KeyState.UNSPECIFIED;
}

function toType(extractable: boolean | undefined): KeyType {
  if (extractable === undefined) return KeyType.UNSPECIFIED;
  return extractable ? KeyType.STANDARD : KeyType.ROOT;
}

/** The message of a key's version. */
export const toKeyVersion = ({ id, creationDate }: KeyVersionResource): KeyVersion => ({
  id,
  createTime: toTime(creationDate),
});

const toDualAuthDelete = ({
  enabled,
  keySetForDeletion,
  authExpiration,
}: NonNullable<KeyResource["dualAuthDelete"]>): DualAuthDelete => ({
  enabled,
  keySetForDeletion,
  authExpireTime: toTime(authExpiration),
});

const toRotationState = ({
  enabled,
  intervalMonths,
}: NonNullable<KeyResource["rotation"]>): RotationState => ({
  enabled,
  intervalMonths: toInt32(intervalMonths),
});

/** The message of a key, without its material. An unknown state becomes `UNSPECIFIED`. */
export function toKey(resource: KeyResource): Key {
  const { algorithm } = resource;
  return {
    id: resource.id,
    name: resource.name ?? "",
    description: resource.description ?? "",
    type: toType(resource.extractable),
    state: toState(resource.state),
    nonactiveStateReason: toInt32(resource.nonactiveStateReason),
    tags: [...resource.tags],
    createTime: toTime(resource.creationDate),
    updateTime: toTime(resource.lastUpdateDate),
    lastRotateTime: toTime(resource.lastRotateDate),
    expireTime: toTime(resource.expirationDate),
    deleteTime: toTime(resource.deletionDate),
    imported: resource.imported ?? false,
    crn: resource.crn ?? "",
    createdBy: resource.createdBy ?? "",
    deletedBy: resource.deletedBy ?? "",
    algorithm:
      algorithm === undefined
        ? undefined
        : { type: algorithm.type, bitLength: toInt32(algorithm.bitLength), mode: algorithm.mode },
    dualAuthDelete: resource.dualAuthDelete && toDualAuthDelete(resource.dualAuthDelete),
    purgeTime: toTime(resource.purgeScheduledOn),
    keyVersion: resource.keyVersion && toKeyVersion(resource.keyVersion),
    keyRingId: resource.keyRingId ?? "",
    aliases: [...resource.aliases],
    rotation: resource.rotation && toRotationState(resource.rotation),
    restoreExpireTime: toTime(resource.restoreExpirationDate),
    purgeAllowedTime: toTime(resource.purgeAllowedFrom),
    restoreAllowed: resource.restoreAllowed,
    purgeAllowed: resource.purgeAllowed,
  };
}

/** The message of a key of which only the ID is known. `undefined` for an alias. */
export function toKeyOfId(keyId: string): Key | undefined {
  if (!isUuid(keyId)) return undefined;
  return {
    id: keyId,
    name: "",
    description: "",
    type: KeyType.UNSPECIFIED,
    state: KeyState.UNSPECIFIED,
    nonactiveStateReason: 0,
    tags: [],
    createTime: undefined,
    updateTime: undefined,
    lastRotateTime: undefined,
    expireTime: undefined,
    deleteTime: undefined,
    imported: false,
    crn: "",
    createdBy: "",
    deletedBy: "",
    algorithm: undefined,
    dualAuthDelete: undefined,
    purgeTime: undefined,
    keyVersion: undefined,
    keyRingId: "",
    aliases: [],
    rotation: undefined,
    restoreExpireTime: undefined,
    purgeAllowedTime: undefined,
    restoreAllowed: undefined,
    purgeAllowed: undefined,
  };
}
