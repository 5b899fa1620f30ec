import type {
  ListCertificatesRequest,
  ListCertificatesResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { requestedPage } from "../keys/requested-page.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { pageSize } from "../validation/fields.ts";
import { kmipAdapter } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipCertificate } from "./certificate-message.ts";

/** Creates the handler of ListCertificates. */
export const listCertificates = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListCertificatesRequest, ListCertificatesResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "adapter", request.adapter, kmipAdapter);
      check(violations, "page_size", request.pageSize, pageSize);
    },
    subjectOf: (request) => ({ kmipAdapter: request.adapter }),
    async answer(request, context) {
      const list = [context.instance, "kmip-certificates", request.adapter];
      const { items, nextPageToken } = await requestedPage(request, list, (window) =>
        keyProtectOf(context).listKmipCertificates(context, request.adapter, window),
      );
      return { certificates: items.map(toKmipCertificate), nextPageToken };
    },
  });
