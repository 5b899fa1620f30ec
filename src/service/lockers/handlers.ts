import type {
  CreateLockerRequest,
  CreateLockerResponse,
  ListLockersRequest,
  ListLockersResponse,
  RetrieveLockerRequest,
  RetrieveLockerResponse,
} from "../../gen/keyprotect/v1/lockers_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler, type Operation } from "../create-handler.ts";
import { lockerId, maxAllowedRetrievals, pageSize, timeToLive } from "../validation/fields.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { toLocker, toRetrievedLocker } from "./locker-message.ts";
import { pageTokenInvalid } from "../keys/page-token.ts";
import { check } from "../validation/rules.ts";

/** What the handlers of `LockersService` work with. */
export type LockersServiceDeps = Pick<ServiceDeps, "keyProtectOf">;

/** The handlers of `keyprotect.v1.LockersService`. */
export interface LockersHandlers {
  readonly createLocker: UnaryHandler<CreateLockerRequest, CreateLockerResponse>;
  readonly listLockers: UnaryHandler<ListLockersRequest, ListLockersResponse>;
  readonly retrieveLocker: UnaryHandler<RetrieveLockerRequest, RetrieveLockerResponse>;
}

const defaultTtlSeconds = 600;
const defaultRetrievals = 1;

const createLocker = ({
  keyProtectOf,
}: LockersServiceDeps): Operation<CreateLockerRequest, CreateLockerResponse> => ({
  validate: (request, violations) => {
    check(violations, "ttl", request.ttl, timeToLive);
    const retrievals = request.maxAllowedRetrievals;
    check(violations, "max_allowed_retrievals", retrievals, maxAllowedRetrievals);
  },
  answer: async (request, context) => {
    const locker = await keyProtectOf(context).createLocker(context, {
      expirationSeconds:
        request.ttl === undefined ? defaultTtlSeconds : Number(request.ttl.seconds),
      maxAllowedRetrievals:
        request.maxAllowedRetrievals === 0 ? defaultRetrievals : request.maxAllowedRetrievals,
    });
    return { locker: toLocker(locker) };
  },
});

const listLockers = ({
  keyProtectOf,
}: LockersServiceDeps): Operation<ListLockersRequest, ListLockersResponse> => ({
  validate: (request, violations) => check(violations, "page_size", request.pageSize, pageSize),
  answer: async (request, context) => {
    // An instance has at most one locker, so that there is never a second page, nor a token that leads to one.
    if (request.pageToken !== "") throw pageTokenInvalid();
    const lockers = await keyProtectOf(context).listLockers(context);
    return { lockers: lockers.map(toLocker), nextPageToken: "" };
  },
});

const retrieveLocker = ({
  keyProtectOf,
}: LockersServiceDeps): Operation<RetrieveLockerRequest, RetrieveLockerResponse> => ({
  validate: (request, violations) => check(violations, "locker_id", request.lockerId, lockerId),
  subjectOf: (request) => ({ lockerId: request.lockerId }),
  answer: async (request, context) =>
    toRetrievedLocker(await keyProtectOf(context).retrieveLocker(context, request.lockerId)),
});

/** Creates the handlers of `keyprotect.v1.LockersService`. */
export const createLockersHandlers = (deps: LockersServiceDeps): LockersHandlers => ({
  createLocker: createHandler(createLocker(deps)),
  listLockers: createHandler(listLockers(deps)),
  retrieveLocker: createHandler(retrieveLocker(deps)),
});
