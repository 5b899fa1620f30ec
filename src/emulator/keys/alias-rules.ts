/** What an alias may look like. */
import type { KeyStore } from "./store.ts";
import { invalidField, refusal } from "../api/vendor-error.ts";

export const maxAliasesPerKey = 5;

const aliasPattern = /^[A-Za-z0-9_-]{2,90}$/;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

// Words that a path can hold where an alias stands.
const reserved: readonly string[] = (
  "allowed_ip key keys metadata policy policies registration registrations ring rings rotate wrap unwrap rewrap " +
  "version versions"
).split(" ");

/** Refuses an alias that is malformed, reserved or taken. */
export function checkNewAlias(alias: string, keys: KeyStore): void {
  if (!aliasPattern.test(alias) || uuidPattern.test(alias) || reserved.includes(alias)) {
    throw invalidField("alias", "2 to 90 characters of letters, digits, - and _, and no UUID");
  }
  if (keys.keyIdOfAlias(alias) !== undefined) throw refusal("KEY_ALIAS_NOT_UNIQUE_ERR");
}
