import type {
  AddCertificateRequest,
  AddCertificateResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { certificatePem, kmipAdapter, newKmipName } from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipCertificate } from "./certificate-message.ts";

/** Creates the handler of AddCertificate. */
export const addCertificate = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<AddCertificateRequest, AddCertificateResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "adapter", request.adapter, kmipAdapter);
      check(violations, "name", request.name, newKmipName);
      check(violations, "certificate_pem", request.certificatePem, certificatePem);
    },
    subjectOf: ({ adapter, name }) =>
      name === "" ? { kmipAdapter: adapter } : { kmipAdapter: adapter, kmipCertificate: name },
    async answer({ adapter, name, certificatePem: certificate }, context) {
      const added = await keyProtectOf(context).addKmipCertificate(context, adapter, {
        name: name === "" ? undefined : name,
        certificate,
      });
      return { certificate: toKmipCertificate(added) };
    },
  });
