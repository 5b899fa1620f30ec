import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { KeyResource } from "../../keyprotect/resources.ts";
import { UpstreamError } from "../../upstream/error.ts";
import { destroyedState, type KeyProtect } from "../key-protect.ts";
import { toStatusError } from "../errors/to-status-error.ts";
import type { Replay } from "./execute-once.ts";
import { keyIsGone } from "./errors.ts";

/** Left for answering the call when the read has used up its time, in milliseconds. */
const answerReserveMs = 50;

function httpStatusOf(error: unknown): number | undefined {
  return error instanceof KeyProtectError && error.code === "REJECTED"
    ? error.httpStatus
    : undefined;
}

/** What a replay is read with. */
export interface ReplayDeps {
  readonly keyProtect: KeyProtect;
  /** With the caller's own token, a read that fails fails the replay: nothing else shows that the token is genuine. */
  readonly isTokenPassedThrough: boolean;
}

/**
 * Reads, without its material, the key that an earlier request made or changed. That this has happened is the answer: a read that fails gives
 * `undefined`. Rejects if the key is gone since.
 */
export async function readReplayed(
  context: CallContext,
  { keyId, joined }: Replay,
  { keyProtect, isTokenPassedThrough }: ReplayDeps,
): Promise<KeyResource | undefined> {
  const call: CallContext = {
    ...context,
    // Reading changes nothing, so it may be repeated, and its failure leaves nothing in doubt.
    rpc: { ...context.rpc, repeat: "safe", resource: "key" },
    deadline: context.deadline - answerReserveMs,
  };
  try {
    const resource = await keyProtect.getKey(call, keyId);
    if (resource.state !== destroyedState) return resource;
  } catch (error) {
    const httpStatus = httpStatusOf(error);
    // A key that was made a moment ago may not be found yet.
    const isGone = httpStatus === 410 || (httpStatus === 404 && !joined);
    if (!isGone) {
      if (isTokenPassedThrough) throw toStatusError(error, call, { keyId });
      const isTyped = error instanceof KeyProtectError || error instanceof UpstreamError;
      context.logger.warn(
        {
          correlationId: context.correlationId,
          method: context.rpc.method,
          code: isTyped ? error.code : "UNKNOWN",
        },
        "the change was made by an earlier call, but reading its result failed",
      );
      return undefined;
    }
  }
  throw keyIsGone(keyId, context);
}
