import type {
  ListKeyRingsRequest,
  ListKeyRingsResponse,
} from "../../gen/keyprotect/v1/key_rings_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { toTime } from "../keys/key-message.ts";
import { requestedPage } from "../keys/requested-page.ts";
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
      const { items, nextPageToken } = await requestedPage(request, list, (window) =>
        keyProtectOf(context).listKeyRings(context, window),
      );
      const keyRings = items.map(({ id, creationDate, createdBy = "" }) => ({
        id,
        createTime: toTime(creationDate),
        createdBy,
      }));
      return { keyRings, nextPageToken };
    },
  });
