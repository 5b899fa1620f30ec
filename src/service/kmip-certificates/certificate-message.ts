import type { KmipCertificate } from "../../gen/keyprotect/kmip/v1/kmip_certificates_service.ts";
import type { KmipCertificateResource } from "../../keyprotect/decode/kmip.ts";
import { toTime } from "../keys/key-message.ts";

/** The message of a certificate. */
export const toKmipCertificate = (resource: KmipCertificateResource): KmipCertificate => ({
  id: resource.id,
  name: resource.name ?? "",
  certificatePem: resource.certificate ?? "",
  createTime: toTime(resource.createdAt),
  createdBy: resource.createdBy ?? "",
});
