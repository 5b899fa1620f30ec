import type { CallContext } from "../../grpc/call/call-context.ts";
import { claimsOf } from "../../keyprotect/token-claims.ts";

/**
 * The subject of an IAM token: `iam_id`, else `sub`. It stays the same when the token is renewed,
 * every hour. It is not verified, so it may separate requests and grants nothing. `undefined` if
 * the token is opaque or names no subject.
 */
function subjectOf(token: string): string | undefined {
  const claims = claimsOf(token);
  const subject = claims?.["iam_id"] ?? claims?.["sub"];
  return typeof subject === "string" && subject !== "" ? subject : undefined;
}

/**
 * The scope of a request ID: instance, RPC, caller, ID and, if the caller's own token goes
 * upstream, the token's subject. Callers without an identity share a scope; random UUIDs keep their
 * requests apart. `undefined` if the token names no subject.
 */
export function requestScope(
  context: CallContext,
  requestId: string,
  isTokenPassedThrough: boolean,
  instanceId: string,
): readonly string[] | undefined {
  const { rpc, caller, callerToken } = context;
  // A call without a token fails upstream with `CALLER_TOKEN_REJECTED`; it needs no subject.
  const subject =
    isTokenPassedThrough && callerToken !== undefined ? subjectOf(callerToken.reveal()) : "";
  if (subject === undefined) return undefined;
  return [instanceId, rpc.path, caller, subject, requestId.toLowerCase()];
}
