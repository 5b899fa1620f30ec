/** The routes of aliases, and the rules for new aliases. */
import { collection, isUuid, noContent } from "../api/route.ts";
import type { Route } from "../api/route.ts";
import { keyOf } from "./query.ts";
import type { KeyStore } from "./store.ts";
import type { Operation } from "../api/operations.ts";
import { invalidField, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type AliasOperation = Extract<Operation, "createKeyAlias" | "deleteKeyAlias">;

const aliasType = "application/vnd.ibm.kms.alias+json";
const aliasPattern = /^[A-Za-z0-9_-]{2,90}$/;

// Words that the API uses as path segments in the place of an alias.
const reserved: readonly string[] = (
  "allowed_ip key keys metadata policy policies registration registrations ring rings rotate " +
  "wrap unwrap rewrap version versions"
).split(" ");

/** The most aliases that one key may have. */
export const maxAliasesPerKey = 5;

/** Rejects an alias that is malformed, reserved or already in use in the instance. */
export function checkNewAlias(alias: string, keys: KeyStore): void {
  if (!aliasPattern.test(alias) || isUuid(alias) || reserved.includes(alias)) {
    throw invalidField("alias", "2 to 90 characters of letters, digits, - and _, and no UUID");
  }
  if (keys.keyIdOfAlias(alias) !== undefined) throw rejection("KEY_ALIAS_NOT_UNIQUE_ERR");
}

/** Creates the routes that create and delete aliases. */
export function createAliasRoutes(): Record<AliasOperation, Route> {
  return {
    createKeyAlias: (call) => {
      const key = keyOf(call);
      const { now, user, instance } = call;
      const alias = call.params["alias"] ?? "";
      if (key.deletion !== undefined) throw rejection("KEY_DELETED_ERR");
      checkNewAlias(alias, instance.keys);
      if (key.aliases.length >= maxAliasesPerKey) {
        throw invalidField("alias", `one of at most ${maxAliasesPerKey} for a key`);
      }
      instance.keys.addAlias(key, alias);
      const resource = {
        keyId: key.id,
        alias,
        creationDate: toVendorDate(now),
        createdBy: user.subject,
      };
      return { status: 201, mediaType: aliasType, body: collection(aliasType, [resource]) };
    },
    deleteKeyAlias: (call) => {
      const key = keyOf(call);
      if (!call.instance.keys.removeAlias(key, call.params["alias"] ?? "")) {
        throw rejection("KEY_ALIAS_NOT_FOUND_ERR");
      }
      return noContent;
    },
  };
}
