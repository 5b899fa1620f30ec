import type {
  CountKeysRequest,
  CountKeysResponse,
  CreateKeyRequest,
  CreateKeyResponse,
  DeleteKeyRequest,
  DeleteKeyResponse,
  GetKeyMaterialRequest,
  GetKeyMaterialResponse,
  GetKeyRequest,
  GetKeyResponse,
  ListKeysRequest,
  ListKeysResponse,
} from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler, type Operation } from "../create-handler.ts";
import { createKey } from "./create-key.ts";
import { deleteKey } from "./delete-key.ts";
import { keyId } from "../validation/fields.ts";
import { getKeyMaterial } from "./get-key-material.ts";
import { listKeys } from "./list-keys.ts";
import { toKey } from "./key-message.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { check } from "../validation/rules.ts";

/** The handlers of `keyprotect.v1.KeysService`. */
export interface KeysHandlers {
  readonly createKey: UnaryHandler<CreateKeyRequest, CreateKeyResponse>;
  readonly listKeys: UnaryHandler<ListKeysRequest, ListKeysResponse>;
  readonly countKeys: UnaryHandler<CountKeysRequest, CountKeysResponse>;
  readonly getKey: UnaryHandler<GetKeyRequest, GetKeyResponse>;
  readonly getKeyMaterial: UnaryHandler<GetKeyMaterialRequest, GetKeyMaterialResponse>;
  readonly deleteKey: UnaryHandler<DeleteKeyRequest, DeleteKeyResponse>;
}

const maxInt32 = 2 ** 31 - 1;

const countKeys = ({
  keyProtectOf,
}: ServiceDeps): Operation<CountKeysRequest, CountKeysResponse> => ({
  validate: () => {},
  answer: async (_request, context) => {
    const count = await keyProtectOf(context).countKeys(context);
    return { totalSize: Math.min(count, maxInt32) };
  },
});

const getKey = ({ keyProtectOf }: ServiceDeps): Operation<GetKeyRequest, GetKeyResponse> => ({
  validate: (request, violations) => check(violations, "key_id", request.keyId, keyId),
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const resource = await keyProtectOf(context).getKey(context, request.keyId);
    return { key: toKey(resource) };
  },
});

/** Creates the handlers of `keyprotect.v1.KeysService`. */
export const createKeysHandlers = (deps: ServiceDeps): KeysHandlers => ({
  createKey: createHandler(createKey(deps)),
  listKeys: createHandler(listKeys(deps)),
  countKeys: createHandler(countKeys(deps)),
  getKey: createHandler(getKey(deps)),
  getKeyMaterial: createHandler(getKeyMaterial(deps)),
  deleteKey: createHandler(deleteKey(deps)),
});
