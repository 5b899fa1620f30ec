import type { OnAnomaly } from "../anomaly.ts";
import { badResponse } from "../_bad-response.ts";
import type { LockerDialect } from "../dialects/dialect.ts";
import { optionalInt32, requiredBytes, type JsonObject } from "./json.ts";
import { optionalDate } from "./_optional-date.ts";
import type { LockerKeyResource, LockerResource } from "../resources.ts";
import { transportKey } from "./_transport-key.ts";

/** Reads the metadata of a locker or import token; neither travels in a collection. */
export function decodeLocker(answer: JsonObject, id: string, onAnomaly: OnAnomaly): LockerResource {
  return {
    id,
    creationDate: optionalDate(answer, onAnomaly, "creationDate"),
    expirationDate: optionalDate(answer, onAnomaly, "expirationDate"),
    maxAllowedRetrievals: optionalCount(answer, "maxAllowedRetrievals"),
    remainingRetrievals: optionalCount(answer, "remainingRetrievals"),
  };
}

/** Reads a retrieved locker or import token. */
export function decodeLockerKey(
  answer: JsonObject,
  id: string,
  dialect: LockerDialect,
  onAnomaly: OnAnomaly,
): LockerKeyResource {
  return {
    ...decodeLocker(answer, id, onAnomaly),
    publicKey: transportKey(requiredBytes(answer, "payload")),
    ...dialect.importProof(answer),
  };
}

function optionalCount(answer: JsonObject, name: string): number | undefined {
  const count = optionalInt32(answer, name);
  if (count !== undefined && count < 0) throw badResponse(`${name} is negative`);
  return count;
}
