import type { CountKeysRequest, CountKeysResponse } from "../../gen/keyprotect/v1/keys_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { checkKeyChoice, toKeyQuery } from "./key-query.ts";

/** Largest value of `total_size`, an `int32`. */
const maxInt32 = 2 ** 31 - 1;

/** Creates the handler of CountKeys. */
export const countKeys = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<CountKeysRequest, CountKeysResponse> =>
  createHandler({
    validate: (request, violations) => checkKeyChoice(violations, request),
    async answer(request, context) {
      const count = await keyProtectOf(context).countKeys(context, toKeyQuery(request));
      return { totalSize: Math.min(count, maxInt32) };
    },
  });
