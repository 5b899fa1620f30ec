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
import type { KeyResource } from "../resources.ts";
import { isSameUuid, isUuid } from "../../platform/uuid.ts";

/** Pre-activation, active, suspended, deactivated, destroyed. 4 appears in one schema and in no document. */
const knownStates: readonly number[] = [0, 1, 2, 3, 5];

/** How a key is to be read. */
export interface KeyReading {
  /** ID or alias that was asked for; absent where the answer may be about any key. */
  readonly askedFor?: string;
  /** Whether to decode `payload`. Without it, and for a root key, material in the answer is not looked at. */
  readonly isMaterialWanted: boolean;
  readonly onAnomaly: OnAnomaly;
}

/**
 * Reads a key. Throws `BAD_RESPONSE` if the answer is not about the key that was asked for by UUID. By alias nothing can
 * be compared: `aliases` is absent from some answers, and lags behind changes of an alias by minutes in others.
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
    // Last, so that no decoded material is left behind by a complaint about another field.
    payload:
      isMaterialWanted && extractable !== false ? optionalBytes(resource, "payload") : undefined,
  };
}

/** The documented `bitLength` is a text. Today's service writes `Deprecated` for most of this, and may for the rest. */
function decodeAlgorithm(resource: JsonObject): KeyResource["algorithm"] {
  const type = optionalText(resource, "algorithmType");
  const metadata = own(resource, "algorithmMetadata");
  if (type === undefined || metadata === undefined) return undefined;
  const fields = toObject(metadata, "algorithmMetadata");
  const mode = optionalText(fields, "mode");
  const bitLength = bitLengthOf(own(fields, "bitLength"));
  return mode === undefined || bitLength === undefined ? undefined : { type, bitLength, mode };
}

function bitLengthOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" && typeof value !== "number") {
    throw badResponseError("bitLength is neither a text nor a number");
  }
  return /^\d{1,6}$/.test(String(value)) ? Number(value) : undefined;
}
