import type {
  RetrieveLockerRequest,
  RetrieveLockerResponse,
} from "../../gen/keyprotect/v1/lockers_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../create-handler.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { lockerId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toRetrievedLocker } from "./locker-message.ts";

/** Creates the handler of RetrieveLocker. Every call uses up one retrieval. */
export const retrieveLocker = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<RetrieveLockerRequest, RetrieveLockerResponse> =>
  createHandler({
    validate: (request, violations) => check(violations, "locker_id", request.lockerId, lockerId),
    subjectOf: (request) => ({ lockerId: request.lockerId }),
    answer: async (request, context) =>
      toRetrievedLocker(await keyProtectOf(context).retrieveLocker(context, request.lockerId)),
  });
