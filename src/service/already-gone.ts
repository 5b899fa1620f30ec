import type { CallContext } from "../grpc/call/call-context.ts";
import { KeyProtectError } from "../keyprotect/error.ts";

/**
 * Whether a 404 to a deletion counts as success: the caller set `allow_missing`, or an earlier
 * attempt of this call may have made the deletion.
 */
export const isAlreadyGone = (
  error: unknown,
  { allowMissing }: { readonly allowMissing: boolean },
  { attemptLog }: CallContext,
): boolean =>
  (allowMissing || attemptLog.mayHaveBeenExecuted === true) &&
  error instanceof KeyProtectError &&
  error.code === "REJECTED" &&
  error.httpStatus === 404;
