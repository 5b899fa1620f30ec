import type { ListKeysRequest, ListKeysResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { KeyPage, KeyResource } from "../../keyprotect/resources.ts";
import { release } from "../../platform/pieces/piece-queue.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { pageSize, skip } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey } from "./key-message.ts";
import { checkKeyChoice, keyQueryKey, orderBy, search, toKeyQuery } from "./key-query.ts";
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
      check(violations, "search", request.search, search);
      check(violations, "order_by", request.orderBy, orderBy);
      checkKeyChoice(violations, request);
    },
    async answer(request, context) {
      const query = toKeyQuery(request, request.search, request.orderBy);
      const list = [context.instance, "keys", context.keyRing ?? "", ...keyQueryKey(query)];
      const position =
        request.pageToken === "" ? undefined : fromPageToken(request.pageToken, list);
      // No key lies behind the largest offset.
      if ((position?.offset ?? 0) + request.skip > maxOffset) {
        return { keys: [], nextPageToken: "", totalSize: undefined, incomplete: false };
      }
      let latest: KeyPage | undefined;
      const read: ReadItems<KeyResource> = async (window) => {
        latest = await keyProtectOf(context).listKeys(context, { ...window, query });
        return { items: latest.keys, isLast: latest.isLast };
      };
      const page = await listPage(read, {
        pageSize: toPageSize(request.pageSize),
        position,
        skip: request.skip,
      });
      const keys = page.items.map((key) => toKey(key));
      release(latest?.keys, page.items);
      return {
        keys,
        nextPageToken: page.next === undefined ? "" : toPageToken(page.next, list),
        totalSize: request.includeTotal ? latest?.total : undefined,
        incomplete: latest?.isIncomplete ?? false,
      };
    },
  });
