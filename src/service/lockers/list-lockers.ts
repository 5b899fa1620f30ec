import type {
  ListLockersRequest,
  ListLockersResponse,
} from "../../gen/keyprotect/v1/lockers_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import { pageTokenInvalid } from "../errors/request-failures.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { pageSize } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toLocker } from "./locker-message.ts";

/** Creates the handler of ListLockers. */
export const listLockers = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<ListLockersRequest, ListLockersResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "page_size", request.pageSize, pageSize),
    async answer(request, context) {
      // An instance has at most one locker. There is no second page, and no token is valid.
      if (request.pageToken !== "") throw pageTokenInvalid();
      const lockers = await keyProtectOf(context).listLockers(context);
      return { lockers: lockers.map(toLocker), nextPageToken: "" };
    },
  });
