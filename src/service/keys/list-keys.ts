import type { ListKeysRequest, ListKeysResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { pageSize, skip } from "../validation/fields.ts";
import { defaultPageSize, listPage, maxPageSize } from "./list-page.ts";
import { toKey } from "./key-message.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";
import type { Operation } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { check } from "../validation/rules.ts";

/** Key Protect's offsets are 32-bit integers. */
const maxOffset = 2 ** 31 - 1;

const listOf = (context: CallContext): readonly string[] => [context.instance, "keys"];

/** Lists keys by pages. */
export const listKeys = ({
  keyProtectOf,
}: ServiceDeps): Operation<ListKeysRequest, ListKeysResponse> => ({
  validate: (request, violations) => {
    check(violations, "page_size", request.pageSize, pageSize);
    check(violations, "skip", request.skip, skip);
  },
  answer: async (request, context) => {
    const list = listOf(context);
    const position = request.pageToken === "" ? undefined : fromPageToken(request.pageToken, list);
    // There is nothing behind the last offset there can be.
    if ((position?.offset ?? 0) + request.skip > maxOffset) return { keys: [], nextPageToken: "" };
    const page = await listPage((window) => keyProtectOf(context).listKeys(context, window), {
      pageSize: Math.min(request.pageSize === 0 ? defaultPageSize : request.pageSize, maxPageSize),
      position,
      skip: request.skip,
    });
    return {
      keys: page.items.map((key) => toKey(key)),
      nextPageToken: page.next === undefined ? "" : toPageToken(page.next, list),
    };
  },
});
