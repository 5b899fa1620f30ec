import type {
  CreateAdapterRequest,
  CreateAdapterResponse,
} from "../../gen/keyprotect/kmip/v1/kmip_adapters_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { description } from "../validation/fields.ts";
import {
  defaultKmipProfile,
  kmipProfile,
  newKmipName,
  rootKeyId,
} from "../validation/kmip-fields.ts";
import { check } from "../validation/rules.ts";
import { toKmipAdapter } from "./adapter-message.ts";

/** Creates the handler of CreateAdapter. */
export const createAdapter = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<CreateAdapterRequest, CreateAdapterResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "name", request.name, newKmipName);
      check(violations, "description", request.description, description);
      check(violations, "profile", request.profile, kmipProfile);
      check(violations, "root_key_id", request.rootKeyId, rootKeyId);
    },
    subjectOf: ({ rootKeyId: keyId, name }) =>
      name === "" ? { keyId } : { keyId, kmipAdapter: name },
    async answer(request, context) {
      const adapter = await keyProtectOf(context).createKmipAdapter(context, {
        name: request.name === "" ? undefined : request.name,
        description: request.description === "" ? undefined : request.description,
        profile: defaultKmipProfile,
        rootKeyId: request.rootKeyId,
        allowExpiringKey: request.allowExpiringKey,
      });
      return { adapter: toKmipAdapter(adapter) };
    },
  });
