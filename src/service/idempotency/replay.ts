import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { KeyResource } from "../../keyprotect/resources.ts";
import { UpstreamError } from "../../upstream/error.ts";
import { toStatusError } from "../errors/to-status-error.ts";
import { answerReserveMs, destroyedState, type KeyProtect } from "../key-protect.ts";
import { keyIsGone } from "./errors.ts";
import type { Execution } from "./execute-once.ts";

/** Dependencies of `readReplayed`. */
export interface ReplayDeps {
  readonly keyProtect: KeyProtect;
  /**
   * Whether the instance is used with the caller's own token. A failed read then fails the replay,
   * because only an accepted read shows that the token is genuine.
   */
  readonly isTokenPassedThrough: boolean;
}

/**
 * Reads the key, without its material, that an earlier request made or changed. Best effort: the
 * change is known to have happened, so a failed read yields `undefined`. Rejects with `KEY_DELETED`
 * if the key is gone.
 */
export async function readReplayed(
  context: CallContext,
  { keyId, joined }: Extract<Execution<unknown>, { readonly kind: "replay" }>,
  { keyProtect, isTokenPassedThrough }: ReplayDeps,
): Promise<KeyResource | undefined> {
  const call: CallContext = {
    ...context,
    // The read changes nothing. It may be retried, and its failure leaves no change in doubt.
    rpc: { ...context.rpc, retry: "safe", resource: "key" },
    deadline: context.deadline - answerReserveMs,
  };
  try {
    const resource = await keyProtect.getKey(call, keyId);
    if (resource.state !== destroyedState) return resource;
  } catch (error) {
    const isRejected = error instanceof KeyProtectError && error.code === "REJECTED";
    const httpStatus = isRejected ? error.httpStatus : undefined;
    // Key Protect may answer 404 for a key that was created a moment ago.
    const isGone = httpStatus === 410 || (httpStatus === 404 && !joined);
    if (!isGone) {
      if (isTokenPassedThrough) throw toStatusError(error, call, { keyId });
      const isTyped = error instanceof KeyProtectError || error instanceof UpstreamError;
      const code = isTyped ? error.code : "UNKNOWN";
      context.logger.warn(
        { correlationId: context.correlationId, method: context.rpc.method, code },
        "the change was made by an earlier call, but reading its result failed",
      );
      return undefined;
    }
  }
  throw keyIsGone(keyId, context);
}
