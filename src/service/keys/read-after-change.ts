import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { UpstreamError } from "../../upstream/error.ts";
import { answerReserveMs } from "../key-protect.ts";

/**
 * Reads something after a change that has happened. Best effort: the call succeeds in any case. If
 * the read fails, or is not done 50 ms before the deadline, the result is `undefined`.
 */
export async function readAfterChange<T>(
  context: CallContext,
  read: (context: CallContext) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read({ ...context, deadline: context.deadline - answerReserveMs });
  } catch (error) {
    const isTyped = error instanceof KeyProtectError || error instanceof UpstreamError;
    const code = isTyped ? error.code : "UNKNOWN";
    context.logger.warn(
      { correlationId: context.correlationId, method: context.rpc.method, code },
      "the change is done, but reading its result failed",
    );
    return undefined;
  }
}
