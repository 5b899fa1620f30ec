import type { CallContext } from "../../grpc/call/call-context.ts";
import type { StatusError } from "../../grpc/status/status-error.ts";
import { toStatusError } from "../errors/to-status-error.ts";
import type { IdempotencyDeps } from "../service-deps.ts";

/**
 * Shows that the call's token is genuine, before the call learns anything from the record of a
 * request. Resolves to the failure of the call if Key Protect does not accept the token, or if that
 * cannot be learned. Never rejects. Once it is shown, further uses resolve at once.
 */
export type ProveToken = () => Promise<StatusError | undefined>;

/**
 * Creates the proof of one call. The scope of a request ID has the subject that the caller's token
 * names, and anybody can write a token with that subject. A call with the gateway's own token needs
 * no proof.
 */
export function createTokenProof(deps: IdempotencyDeps, context: CallContext): ProveToken {
  let isProven = !deps.isTokenPassedThrough(context);
  // The read changes nothing. It may be retried, and its failure leaves no change in doubt.
  const call: CallContext = {
    ...context,
    rpc: { ...context.rpc, retry: "safe", resource: "none" },
  };
  return async () => {
    if (isProven) return undefined;
    try {
      await deps.readWithToken(call);
    } catch (error) {
      return toStatusError(error, call);
    }
    isProven = true;
    return undefined;
  };
}
