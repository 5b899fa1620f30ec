import type {
  GetCertificateRequest,
  GetCertificateResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { kmipAdapter, kmipCertificate } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipCertificate } from "./certificate-message.ts";

/** Creates the handler of GetCertificate. */
export const getCertificate = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<GetCertificateRequest, GetCertificateResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "adapter", request.adapter, kmipAdapter);
      check(violations, "certificate", request.certificate, kmipCertificate);
    },
    subjectOf: ({ adapter, certificate }) => ({
      kmipAdapter: adapter,
      kmipCertificate: certificate,
    }),
    async answer({ adapter, certificate }, context) {
      const found = await keyProtectOf(context).getKmipCertificate(context, adapter, certificate);
      return { certificate: toKmipCertificate(found) };
    },
  });
