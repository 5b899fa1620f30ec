/** Aliases of keys. */
import { checkNewAlias, maxAliasesPerKey } from "./alias-rules.ts";
import { collection, noContent } from "../http/route.ts";
import type { Route } from "../http/route.ts";
import { keyOf } from "./routes.ts";
import type { Operation } from "../api/operations.ts";
import { invalidField, refusal } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type AliasOperation = Extract<Operation, "createKeyAlias" | "deleteKeyAlias">;

const aliasType = "application/vnd.ibm.kms.alias+json";

/** Creates the routes of aliases. */
export function createAliasRoutes(): Record<AliasOperation, Route> {
  return {
    createKeyAlias: (call) => {
      const key = keyOf(call);
      const { now, user, instance } = call;
      const alias = call.params["alias"] ?? "";
      if (key.deletion !== undefined) throw refusal("KEY_DELETED_ERR");
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
        throw refusal("KEY_ALIAS_NOT_FOUND_ERR");
      }
      return noContent;
    },
  };
}
