import type {
  ListRegistrationsRequest,
  ListRegistrationsResponse,
} from "../../gen/keyprotect/v1/registrations_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { Registration } from "../../gen/keyprotect/v1/registrations_service.ts";
import type { RegistrationResource } from "../../keyprotect/decode/registration.ts";
import type { RegistrationQuery } from "../../keyprotect/operations/rings.ts";
import { createHandler } from "../create-handler.ts";
import { toKeyVersion, toTime } from "../keys/key-message.ts";
import { requestedPage } from "../keys/requested-page.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, pageSize } from "../validation/fields.ts";
import { check, optional, text } from "../validation/rules.ts";

const toRegistration = (resource: RegistrationResource): Registration => ({
  keyId: resource.keyId,
  resourceCrn: resource.resourceCrn,
  description: resource.description ?? "",
  preventsKeyDeletion: resource.preventKeyDeletion ?? false,
  keyVersion: resource.keyVersion && toKeyVersion(resource.keyVersion),
  createTime: toTime(resource.creationDate),
  createdBy: resource.createdBy ?? "",
  updateTime: toTime(resource.lastUpdated),
  updatedBy: resource.updatedBy ?? "",
});

const present = (value: string): string | undefined => (value === "" ? undefined : value);

const toQuery = (request: ListRegistrationsRequest): RegistrationQuery => ({
  keyId: present(request.keyId),
  resourceCrn: present(request.resourceCrnPattern),
  preventKeyDeletion: request.preventsKeyDeletion,
});

/** A registration with a text that identifies it in its list. */
const identified = (resource: RegistrationResource): RegistrationResource & { id: string } => ({
  ...resource,
  id: `${resource.keyId} ${resource.resourceCrn}`,
});

/** Creates the handler of ListRegistrations. */
export const listRegistrations = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListRegistrationsRequest, ListRegistrationsResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, optional(keyId));
      const pattern = request.resourceCrnPattern;
      check(violations, "resource_crn_pattern", pattern, optional(text(1, 512)));
      check(violations, "page_size", request.pageSize, pageSize);
    },
    subjectOf: (request) => (request.keyId === "" ? {} : { keyId: request.keyId }),
    async answer(request, context) {
      const query = toQuery(request);
      const list = [
        context.instance,
        "registrations",
        context.keyRing ?? "",
        JSON.stringify([query.keyId, query.resourceCrn, query.preventKeyDeletion]),
      ];
      const { items, nextPageToken } = await requestedPage(request, list, async (window) => {
        const keyProtect = keyProtectOf(context);
        const read = await keyProtect.listRegistrations(context, { ...window, query });
        return { items: read.items.map(identified), isLast: read.isLast };
      });
      return { registrations: items.map(toRegistration), nextPageToken };
    },
  });
