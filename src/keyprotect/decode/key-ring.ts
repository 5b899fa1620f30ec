import type { OnAnomaly } from "../anomaly.ts";
import { optionalDate } from "./date.ts";
import { optionalText, requiredText, type JsonObject } from "./json.ts";

/** A key ring. The ring `default` has neither date nor creator. */
export interface KeyRingResource {
  readonly id: string;
  readonly creationDate: Date | undefined;
  readonly createdBy: string | undefined;
}

/** Decodes a key ring. */
export const decodeKeyRing = (resource: JsonObject, onAnomaly: OnAnomaly): KeyRingResource => ({
  id: requiredText(resource, "id"),
  creationDate: optionalDate(resource, onAnomaly, "creationDate"),
  createdBy: optionalText(resource, "createdBy"),
});
