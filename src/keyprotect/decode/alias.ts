import type { OnAnomaly } from "../anomaly.ts";
import { isUuid } from "../../platform/uuid.ts";
import { badResponseError } from "../error.ts";
import { optionalDate } from "./date.ts";
import { optionalText, requiredText, type JsonObject } from "./json.ts";

/** An alias of a key. */
export interface AliasResource {
  readonly keyId: string;
  readonly alias: string;
  readonly creationDate: Date | undefined;
  readonly createdBy: string | undefined;
}

/** Decodes an alias. Throws `BAD_RESPONSE` if it is not the one that was requested. */
export function decodeAlias(
  resource: JsonObject,
  askedFor: string,
  onAnomaly: OnAnomaly,
): AliasResource {
  const keyId = requiredText(resource, "keyId");
  if (!isUuid(keyId)) throw badResponseError("keyId is not a UUID");
  const alias = requiredText(resource, "alias");
  if (alias !== askedFor) throw badResponseError("alias is another one");
  return {
    keyId,
    alias,
    creationDate: optionalDate(resource, onAnomaly, "creationDate"),
    createdBy: optionalText(resource, "createdBy"),
  };
}
