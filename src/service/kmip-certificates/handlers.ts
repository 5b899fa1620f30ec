import type { KmipCertificatesServiceService } from "../../gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import type { HandlersOf } from "../../grpc/call/bind-service.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { addCertificate } from "./add-certificate.ts";
import { deleteCertificate } from "./delete-certificate.ts";
import { getCertificate } from "./get-certificate.ts";
import { listCertificates } from "./list-certificates.ts";

/** Creates the handlers of `keyprotect.kmip.v1.KmipCertificatesService`. */
export const createKmipCertificatesHandlers = (
  deps: ServiceDeps,
): HandlersOf<typeof KmipCertificatesServiceService> => ({
  listCertificates: listCertificates(deps),
  addCertificate: addCertificate(deps),
  getCertificate: getCertificate(deps),
  deleteCertificate: deleteCertificate(deps),
});
