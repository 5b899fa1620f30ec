/**
 * Decodes keys. The JSON is decoded by hand (`json.ts`) and not with a schema library, for two
 * reasons: speed, since this code runs for every key of a page of up to 1,000; and secrecy, since
 * the errors name fields and never quote the text of a body.
 */
import type { OnAnomaly } from "../anomaly.ts";
import { badResponseError } from "../error.ts";
import {
  optionalBoolean,
  optionalBytes,
  optionalInt32,
  optionalText,
  own,
  requiredText,
  texts,
  toObject,
  type JsonObject,
} from "./json.ts";
import { optionalDate } from "./date.ts";
import type { KeyResource, KeyVersionResource } from "../resources.ts";
import { isSameUuid, isUuid } from "../../platform/uuid.ts";

/**
 * Pre-activation, active, suspended, deactivated, destroyed. 4 is in one schema but is not
 * documented.
 */
const knownStates: readonly number[] = [0, 1, 2, 3, 5];

/** How to read a key. */
export interface KeyReading {
  /** The requested ID or alias; absent if the response may be about any key. */
  readonly askedFor?: string;
  /**
   * Whether to decode `payload`. If not, or for a root key, material in the response is ignored.
   */
  readonly isMaterialWanted: boolean;
  readonly onAnomaly: OnAnomaly;
}

/**
 * Decodes a key. Throws `BAD_RESPONSE` if the response is about another key than the one requested
 * by UUID. A key requested by alias cannot be compared: some responses lack `aliases`, and in
 * others it lags behind changes by minutes.
 */
export function decodeKey(resource: JsonObject, reading: KeyReading): KeyResource {
  const { askedFor, isMaterialWanted, onAnomaly } = reading;
  const id = requiredText(resource, "id");
  if (!isUuid(id)) throw badResponseError("id is not a UUID");
  if (askedFor !== undefined && isUuid(askedFor) && !isSameUuid(askedFor, id)) {
    throw badResponseError("id is that of another key");
  }
  const state = optionalInt32(resource, "state");
  if (state !== undefined && !knownStates.includes(state)) onAnomaly("unknown_key_state");
  const extractable = optionalBoolean(resource, "extractable");

  return {
    id,
    name: optionalText(resource, "name"),
    description: optionalText(resource, "description"),
    tags: texts(resource, "tags"),
    state,
    nonactiveStateReason: optionalInt32(resource, "nonactiveStateReason"),
    extractable,
    imported: optionalBoolean(resource, "imported"),
    crn: optionalText(resource, "crn"),
    createdBy: optionalText(resource, "createdBy", "createdby"),
    deletedBy: optionalText(resource, "deletedBy", "deletedby"),
    creationDate: optionalDate(resource, onAnomaly, "creationDate", "creationdate"),
    lastUpdateDate: optionalDate(resource, onAnomaly, "lastUpdateDate", "lastupdatedate"),
    lastRotateDate: optionalDate(resource, onAnomaly, "lastRotateDate", "lastrotatedate"),
    expirationDate: optionalDate(resource, onAnomaly, "expirationDate", "expirationdate"),
    deletionDate: optionalDate(resource, onAnomaly, "deletionDate", "deletiondate"),
    algorithm: decodeAlgorithm(resource),
    dualAuthDelete: decodeDualAuthDelete(resource, onAnomaly),
    rotation: decodeRotationState(resource),
    keyVersion: decodeKeyVersion(resource, onAnomaly),
    keyRingId: optionalText(resource, "keyRingID"),
    aliases: texts(resource, "aliases"),
    purgeScheduledOn: optionalDate(resource, onAnomaly, "purgeScheduledOn"),
    restoreExpirationDate: optionalDate(resource, onAnomaly, "restoreExpirationDate"),
    purgeAllowedFrom: optionalDate(resource, onAnomaly, "purgeAllowedFrom"),
    restoreAllowed: optionalBoolean(resource, "restoreAllowed"),
    purgeAllowed: optionalBoolean(resource, "purgeAllowed"),
    // Last, so that an error in another field leaves no decoded material behind.
    payload:
      isMaterialWanted && extractable !== false ? optionalBytes(resource, "payload") : undefined,
  };
}

/**
 * The documented `bitLength` is a text. The service now sends `Deprecated` for most of these
 * fields.
 */
function decodeAlgorithm(resource: JsonObject): KeyResource["algorithm"] {
  const type = optionalText(resource, "algorithmType");
  const metadata = own(resource, "algorithmMetadata");
  if (type === undefined || metadata === undefined) return undefined;
  const fields = toObject(metadata, "algorithmMetadata");
  const mode = optionalText(fields, "mode");
  const bitLength = bitLengthOf(own(fields, "bitLength"));
  return mode === undefined || bitLength === undefined ? undefined : { type, bitLength, mode };
}

function decodeDualAuthDelete(
  resource: JsonObject,
  onAnomaly: OnAnomaly,
): KeyResource["dualAuthDelete"] {
  const value = own(resource, "dualAuthDelete");
  if (value === undefined) return undefined;
  const fields = toObject(value, "dualAuthDelete");
  return {
    enabled: optionalBoolean(fields, "enabled") ?? false,
    keySetForDeletion: optionalBoolean(fields, "keySetForDeletion"),
    authExpiration: optionalDate(fields, onAnomaly, "authExpiration"),
  };
}

function decodeRotationState(resource: JsonObject): KeyResource["rotation"] {
  const value = own(resource, "rotation");
  if (value === undefined) return undefined;
  const fields = toObject(value, "rotation");
  return {
    enabled: optionalBoolean(fields, "enabled") ?? true,
    intervalMonths: optionalInt32(fields, "interval_month"),
  };
}

function decodeKeyVersion(
  resource: JsonObject,
  onAnomaly: OnAnomaly,
): KeyVersionResource | undefined {
  const value = own(resource, "keyVersion");
  return value === undefined ? undefined : decodeVersion(toObject(value, "keyVersion"), onAnomaly);
}

/** Decodes a version of a key. */
export const decodeVersion = (fields: JsonObject, onAnomaly: OnAnomaly): KeyVersionResource => ({
  id: requiredText(fields, "id"),
  creationDate: optionalDate(fields, onAnomaly, "creationDate"),
});

function bitLengthOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" && typeof value !== "number") {
    throw badResponseError("bitLength is neither a text nor a number");
  }
  return /^\d{1,6}$/.test(String(value)) ? Number(value) : undefined;
}
