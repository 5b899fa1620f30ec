/** The status of an item of a call with many items, as a message of the response. */
import { ItemStatus } from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { CallContext } from "../call/call-context.ts";
import { encodeStatus } from "./encode-status.ts";
import { StatusError } from "./status-error.ts";

/**
 * Returns the error of an item with its fields named from the request of the call, such as
 * `items[3].ciphertext` for the place `items[3]`.
 */
export function errorAt(error: StatusError, place: string): StatusError {
  const { violations } = error.details;
  if (violations === undefined || violations.length === 0) return error;
  const named = violations.map((each) => ({ ...each, field: `${place}.${each.field}` }));
  // A text of the gateway's own validation begins with the field.
  const startsWithField = error.message.startsWith(`${violations[0]?.field}:`);
  const message = startsWithField ? `${place}.${error.message}` : error.message;
  return new StatusError(error.code, error.reason, message, {
    ...error.details,
    violations: named,
    // The log shows the cause of the error, not a chain of renamed ones.
    cause: error.cause,
  });
}

/** The message for an error, with the details that a call of the item's own RPC would end with. */
export function toItemStatus(error: StatusError, context: CallContext): ItemStatus {
  const { rpc, correlationId, attemptLog } = context;
  const { details } = encodeStatus(error, {
    correlationId,
    method: rpc.path.slice(1),
    attempts: attemptLog.attempts,
    httpStatus: attemptLog.httpStatus,
  });
  // Both messages have the same fields.
  return ItemStatus.decode(details);
}
