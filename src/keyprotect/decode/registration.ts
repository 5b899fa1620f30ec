import type { OnAnomaly } from "../anomaly.ts";
import type { KeyVersionResource } from "../resources.ts";
import { optionalDate } from "./date.ts";
import {
  optionalBoolean,
  optionalText,
  own,
  requiredText,
  toObject,
  type JsonObject,
} from "./json.ts";
import { decodeVersion } from "./key.ts";

/** A cloud resource that a key protects. */
export interface RegistrationResource {
  readonly keyId: string;
  readonly resourceCrn: string;
  readonly description: string | undefined;
  readonly preventKeyDeletion: boolean | undefined;
  readonly keyVersion: KeyVersionResource | undefined;
  readonly creationDate: Date | undefined;
  readonly createdBy: string | undefined;
  readonly lastUpdated: Date | undefined;
  readonly updatedBy: string | undefined;
}

/** Decodes a registration. Throws `BAD_RESPONSE` without a key or a resource. */
export function decodeRegistration(
  resource: JsonObject,
  onAnomaly: OnAnomaly,
): RegistrationResource {
  const version = own(resource, "keyVersion");
  return {
    keyId: requiredText(resource, "keyId"),
    resourceCrn: requiredText(resource, "resourceCrn"),
    description: optionalText(resource, "description"),
    preventKeyDeletion: optionalBoolean(resource, "preventKeyDeletion"),
    keyVersion:
      version === undefined ? undefined : decodeVersion(toObject(version, "keyVersion"), onAnomaly),
    creationDate: optionalDate(resource, onAnomaly, "creationDate"),
    createdBy: optionalText(resource, "createdBy"),
    lastUpdated: optionalDate(resource, onAnomaly, "lastUpdated"),
    updatedBy: optionalText(resource, "updatedBy"),
  };
}
