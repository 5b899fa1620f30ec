import type {
  ListObjectsRequest,
  ListObjectsResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { requestedPage } from "../keys/requested-page.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { pageSize } from "../validation/fields.ts";
import { kmipAdapter, kmipObjectStates } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipObject } from "./object-message.ts";

/** Creates the handler of ListObjects. */
export const listObjects = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListObjectsRequest, ListObjectsResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "adapter", request.adapter, kmipAdapter);
      check(violations, "states", request.states, kmipObjectStates);
      check(violations, "page_size", request.pageSize, pageSize);
    },
    subjectOf: (request) => ({ kmipAdapter: request.adapter }),
    async answer(request, context) {
      const states = [...new Set<number>(request.states)].toSorted((a, b) => a - b);
      const list = [context.instance, "kmip-objects", request.adapter, states.join(",")];
      const { items, nextPageToken } = await requestedPage(request, list, (window) =>
        keyProtectOf(context).listKmipObjects(context, request.adapter, { ...window, states }),
      );
      return { objects: items.map(toKmipObject), nextPageToken };
    },
  });
