import type {
  ListKeyVersionsRequest,
  ListKeyVersionsResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, pageSize } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKeyVersion } from "./key-message.ts";
import { requestedPage } from "./requested-page.ts";

/** Creates the handler of ListKeyVersions. */
export const listKeyVersions = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListKeyVersionsRequest, ListKeyVersionsResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "page_size", request.pageSize, pageSize);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const list = [context.instance, "key-versions", context.keyRing ?? "", request.keyId];
      const { items, nextPageToken } = await requestedPage(request, list, (window) =>
        keyProtectOf(context).listKeyVersions(context, request.keyId, window),
      );
      return { keyVersions: items.map(toKeyVersion), nextPageToken };
    },
  });
