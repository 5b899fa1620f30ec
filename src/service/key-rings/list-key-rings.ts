import type {
  ListKeyRingsRequest,
  ListKeyRingsResponse,
} from "../../gen/keyprotect/v1/key_rings_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { toTime } from "../keys/key-message.ts";
import { listPage, toPageSize } from "../keys/list-page.ts";
import { fromPageToken, toPageToken } from "../keys/page-token.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { pageSize } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of ListKeyRings. */
export const listKeyRings = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListKeyRingsRequest, ListKeyRingsResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "page_size", request.pageSize, pageSize),
    async answer(request, context) {
      const list = [context.instance, "key-rings"];
      const page = await listPage((window) => keyProtectOf(context).listKeyRings(context, window), {
        pageSize: toPageSize(request.pageSize),
        position: request.pageToken === "" ? undefined : fromPageToken(request.pageToken, list),
        skip: 0,
      });
      return {
        keyRings: page.items.map(({ id, creationDate, createdBy = "" }) => ({
          id,
          createTime: toTime(creationDate),
          createdBy,
        })),
        nextPageToken: page.next === undefined ? "" : toPageToken(page.next, list),
      };
    },
  });
