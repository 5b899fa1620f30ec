import {
  KmipObjectState,
  type KmipObject,
} from "../../gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import type { KmipObjectResource } from "../../keyprotect/decode/kmip.ts";
import { toInt32, toTime } from "../keys/key-message.ts";

/** The states by number, which the contract shares with KMIP. */
const states: ReadonlyMap<number, KmipObjectState> = new Map(
  Object.values(KmipObjectState).map((state) => [state, state]),
);

/** The message of an object. An unknown state becomes `UNSPECIFIED`. */
export const toKmipObject = (resource: KmipObjectResource): KmipObject => ({
  id: resource.id,
  objectType: toInt32(resource.objectType),
  state: states.get(resource.state ?? 0) ?? KmipObjectState.UNSPECIFIED,
  createTime: toTime(resource.createdAt),
  createdByCertificateId: resource.createdByCertificateId ?? "",
  createdBy: resource.createdBy ?? "",
  updateTime: toTime(resource.updatedAt),
  updatedByCertificateId: resource.updatedByCertificateId ?? "",
  updatedBy: resource.updatedBy ?? "",
  destroyTime: toTime(resource.destroyedAt),
  destroyedByCertificateId: resource.destroyedByCertificateId ?? "",
  destroyedBy: resource.destroyedBy ?? "",
  recoverable: resource.recoverable,
});

/** Whether the key material of an object is gone. */
export const isDestroyed = ({ state }: KmipObjectResource): boolean =>
  state === KmipObjectState.DESTROYED || state === KmipObjectState.DESTROYED_COMPROMISED;
