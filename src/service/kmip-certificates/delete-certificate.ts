import type {
  DeleteCertificateRequest,
  DeleteCertificateResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { isAlreadyGone } from "../already-gone.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { kmipAdapter, kmipCertificate } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";

/** Creates the handler of DeleteCertificate. */
export const deleteCertificate = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<DeleteCertificateRequest, DeleteCertificateResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "adapter", request.adapter, kmipAdapter);
      check(violations, "certificate", request.certificate, kmipCertificate);
    },
    subjectOf: ({ adapter, certificate }) => ({
      kmipAdapter: adapter,
      kmipCertificate: certificate,
    }),
    async answer(request, context) {
      const { adapter, certificate } = request;
      try {
        await keyProtectOf(context).deleteKmipCertificate(context, adapter, certificate);
      } catch (error) {
        if (!isAlreadyGone(error, request, context)) throw error;
      }
      return {};
    },
  });
