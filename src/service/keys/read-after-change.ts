import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { UpstreamError } from "../../upstream/error.ts";

/** Left for answering the call when the read has used up its time, in milliseconds. */
const answerReserveMs = 50;

/**
 * Reads something after a change that has happened. The change is the answer: if the read fails, or takes so long that
 * the answer would come too late, the result is `undefined`.
 */
export async function readAfterChange<T>(
  context: CallContext,
  read: (context: CallContext) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read({ ...context, deadline: context.deadline - answerReserveMs });
  } catch (error) {
    const code =
      error instanceof KeyProtectError || error instanceof UpstreamError ? error.code : "UNKNOWN";
    context.logger.warn(
      { correlationId: context.correlationId, method: context.rpc.method, code },
      "the change is done, but reading its result failed",
    );
    return undefined;
  }
}
