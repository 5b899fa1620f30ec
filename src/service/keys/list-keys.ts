import type { ListKeysRequest, ListKeysResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { KeyResource } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { pageSize, skip } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey } from "./key-message.ts";
import { listPage, toPageSize, type ReadItems } from "./list-page.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";

/** Largest offset that Key Protect accepts, a 32-bit integer. */
const maxOffset = 2 ** 31 - 1;

/** Creates the handler of ListKeys. */
export const listKeys = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListKeysRequest, ListKeysResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "page_size", request.pageSize, pageSize);
      check(violations, "skip", request.skip, skip);
    },
    async answer(request, context) {
      const list = [context.instance, "keys", context.keyRing ?? ""];
      const position =
        request.pageToken === "" ? undefined : fromPageToken(request.pageToken, list);
      // No key lies behind the largest offset.
      if ((position?.offset ?? 0) + request.skip > maxOffset) {
        return { keys: [], nextPageToken: "" };
      }
      const read: ReadItems<KeyResource> = async (window) => {
        const { keys, isLast } = await keyProtectOf(context).listKeys(context, window);
        return { items: keys, isLast };
      };
      const page = await listPage(read, {
        pageSize: toPageSize(request.pageSize),
        position,
        skip: request.skip,
      });
      return {
        keys: page.items.map((key) => toKey(key)),
        nextPageToken: page.next === undefined ? "" : toPageToken(page.next, list),
      };
    },
  });
