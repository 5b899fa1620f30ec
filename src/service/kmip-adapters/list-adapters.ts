import type {
  ListAdaptersRequest,
  ListAdaptersResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { requestedPage } from "../keys/requested-page.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { pageSize } from "../validation/fields.ts";
import { listedRootKeyId } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipAdapter } from "./adapter-message.ts";

/** Creates the handler of ListAdapters. */
export const listAdapters = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListAdaptersRequest, ListAdaptersResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "root_key_id", request.rootKeyId, listedRootKeyId);
      check(violations, "page_size", request.pageSize, pageSize);
    },
    async answer(request, context) {
      const rootKeyId = request.rootKeyId === "" ? undefined : request.rootKeyId.toLowerCase();
      const list = [context.instance, "kmip-adapters", rootKeyId ?? ""];
      const { items, nextPageToken } = await requestedPage(request, list, (window) =>
        keyProtectOf(context).listKmipAdapters(context, { ...window, rootKeyId }),
      );
      return { adapters: items.map(toKmipAdapter), nextPageToken };
    },
  });
