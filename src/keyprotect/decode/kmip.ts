/** Decodes what belongs to KMIP. The names in its JSON have underscores. */
import type { OnAnomaly } from "../anomaly.ts";
import { isSameUuid, isUuid } from "../../platform/uuid.ts";
import { badResponseError } from "../error.ts";
import { optionalDate } from "./date.ts";
import {
  optionalBoolean,
  optionalInt32,
  optionalText,
  own,
  requiredText,
  toObject,
  type JsonObject,
} from "./json.ts";

/** An adapter. */
export interface KmipAdapterResource {
  readonly id: string;
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly profile: string | undefined;
  /** ID of the root key that encrypts the objects. */
  readonly rootKeyId: string | undefined;
  readonly createdAt: Date | undefined;
  readonly createdBy: string | undefined;
  readonly updatedAt: Date | undefined;
  readonly updatedBy: string | undefined;
}

/** An object of an adapter. */
export interface KmipObjectResource {
  readonly id: string;
  /** A number of KMIP: 2 is a symmetric key. */
  readonly objectType: number | undefined;
  /** A number of KMIP, 1 to 6; other integers are possible. */
  readonly state: number | undefined;
  readonly createdAt: Date | undefined;
  readonly createdByCertificateId: string | undefined;
  readonly createdBy: string | undefined;
  readonly updatedAt: Date | undefined;
  readonly updatedByCertificateId: string | undefined;
  readonly updatedBy: string | undefined;
  readonly destroyedAt: Date | undefined;
  readonly destroyedByCertificateId: string | undefined;
  readonly destroyedBy: string | undefined;
  readonly recoverable: boolean | undefined;
}

/** A client certificate of an adapter. */
export interface KmipCertificateResource {
  readonly id: string;
  readonly name: string | undefined;
  /** PEM; absent in lists. */
  readonly certificate: string | undefined;
  readonly createdAt: Date | undefined;
  readonly createdBy: string | undefined;
}

/**
 * Reads the ID of a resource. Throws `BAD_RESPONSE` if it is not a UUID, or if the resource is not
 * the one that was requested by ID or name.
 */
function checkedId(resource: JsonObject, askedFor: string | undefined): string {
  const id = requiredText(resource, "id");
  if (!isUuid(id)) throw badResponseError("id is not a UUID");
  if (askedFor === undefined) return id;
  if (isUuid(askedFor)) {
    if (!isSameUuid(askedFor, id)) throw badResponseError("id is that of another resource");
  } else if (optionalText(resource, "name")?.toLowerCase() !== askedFor.toLowerCase()) {
    throw badResponseError("name is that of another resource");
  }
  return id;
}

/** Decodes an adapter. `askedFor` is the requested ID or name, if there is one. */
export function decodeKmipAdapter(
  resource: JsonObject,
  onAnomaly: OnAnomaly,
  askedFor?: string,
): KmipAdapterResource {
  const profileData = own(resource, "profile_data");
  return {
    id: checkedId(resource, askedFor),
    name: optionalText(resource, "name"),
    description: optionalText(resource, "description"),
    profile: optionalText(resource, "profile"),
    rootKeyId:
      profileData === undefined
        ? undefined
        : optionalText(toObject(profileData, "profile_data"), "crk_id"),
    createdAt: optionalDate(resource, onAnomaly, "created_at"),
    createdBy: optionalText(resource, "created_by"),
    updatedAt: optionalDate(resource, onAnomaly, "updated_at"),
    updatedBy: optionalText(resource, "updated_by"),
  };
}

/** Decodes an object. `askedFor` is the requested ID, if there is one. */
export function decodeKmipObject(
  resource: JsonObject,
  onAnomaly: OnAnomaly,
  askedFor?: string,
): KmipObjectResource {
  const state = optionalInt32(resource, "state");
  if (state !== undefined && (state < 1 || state > 6)) onAnomaly("unknown_key_state");
  return {
    id: checkedId(resource, askedFor),
    objectType: optionalInt32(resource, "kmip_object_type"),
    state,
    createdAt: optionalDate(resource, onAnomaly, "created_at"),
    createdByCertificateId: optionalText(resource, "created_by_kmip_client_cert_id"),
    createdBy: optionalText(resource, "created_by"),
    updatedAt: optionalDate(resource, onAnomaly, "updated_at"),
    updatedByCertificateId: optionalText(resource, "updated_by_kmip_client_cert_id"),
    updatedBy: optionalText(resource, "updated_by"),
    destroyedAt: optionalDate(resource, onAnomaly, "destroyed_at"),
    destroyedByCertificateId: optionalText(resource, "destroyed_by_kmip_client_cert_id"),
    destroyedBy: optionalText(resource, "destroyed_by"),
    recoverable: optionalBoolean(resource, "recoverable"),
  };
}

/** Decodes a certificate. `askedFor` is the requested ID or name, if there is one. */
export const decodeKmipCertificate = (
  resource: JsonObject,
  onAnomaly: OnAnomaly,
  askedFor?: string,
): KmipCertificateResource => ({
  id: checkedId(resource, askedFor),
  name: optionalText(resource, "name"),
  certificate: optionalText(resource, "certificate"),
  createdAt: optionalDate(resource, onAnomaly, "created_at"),
  createdBy: optionalText(resource, "created_by"),
});
