import type { CallContext } from "../grpc/call/call-context.ts";
import { KeyProtectError } from "../keyprotect/error.ts";

/**
 * Whether a rejected deletion counts as success because there is nothing to delete: the caller set
 * `allow_missing`, or an earlier attempt of this call may have made the deletion. `statuses` are
 * the HTTP statuses that say so, 404 by default.
 */
export const isAlreadyGone = (
  error: unknown,
  { allowMissing }: { readonly allowMissing: boolean },
  { attemptLog }: CallContext,
  statuses: readonly number[] = [404],
): boolean =>
  (allowMissing || attemptLog.mayHaveBeenExecuted === true) &&
  error instanceof KeyProtectError &&
  error.code === "REJECTED" &&
  error.httpStatus !== undefined &&
  statuses.includes(error.httpStatus);
