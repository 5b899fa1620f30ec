import type { KmipAdapter } from "../../gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import type { KmipAdapterResource } from "../../keyprotect/decode/kmip.ts";
import { toTime } from "../keys/key-message.ts";

/** The message of an adapter. */
export const toKmipAdapter = (resource: KmipAdapterResource): KmipAdapter => ({
  id: resource.id,
  name: resource.name ?? "",
  description: resource.description ?? "",
  profile: resource.profile ?? "",
  rootKeyId: resource.rootKeyId ?? "",
  createTime: toTime(resource.createdAt),
  createdBy: resource.createdBy ?? "",
  updateTime: toTime(resource.updatedAt),
  updatedBy: resource.updatedBy ?? "",
});
