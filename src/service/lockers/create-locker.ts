import type {
  CreateLockerRequest,
  CreateLockerResponse,
} from "../../gen/keyprotect/v1/lockers_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { maxAllowedRetrievals, timeToLive } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toLocker } from "./locker-message.ts";

const defaultTtlSeconds = 600;
const defaultRetrievals = 1;

/** Creates the handler of CreateLocker. A locker lasts 600 s and allows 1 retrieval by default. */
export const createLocker = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<CreateLockerRequest, CreateLockerResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "ttl", request.ttl, timeToLive);
      const retrievals = request.maxAllowedRetrievals;
      check(violations, "max_allowed_retrievals", retrievals, maxAllowedRetrievals);
    },
    async answer(request, context) {
      const locker = await keyProtectOf(context).createLocker(context, {
        expirationSeconds:
          request.ttl === undefined ? defaultTtlSeconds : Number(request.ttl.seconds),
        maxAllowedRetrievals:
          request.maxAllowedRetrievals === 0 ? defaultRetrievals : request.maxAllowedRetrievals,
      });
      return { locker: toLocker(locker) };
    },
  });
