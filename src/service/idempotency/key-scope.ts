import type { CallContext } from "../../grpc/call/call-context.ts";

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/**
 * Whom an IAM token speaks for: `iam_id`, or `sub`. It outlives the token, which is renewed by the hour. Nothing vouches for it here: it may
 * tell requests apart, but whatever it opens has to be asked for upstream with the same token. `undefined` if the token does not say.
 */
function subjectOf(token: string): string | undefined {
  const [, payload, signature] = token.split(".");
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    if (!isRecord(claims)) return undefined;
    const subject = claims["iam_id"] ?? claims["sub"];
    return typeof subject === "string" && subject !== "" ? subject : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The scope of a request ID: instance, RPC, caller and, where the caller's own token goes upstream, the token's subject. Callers without
 * an identity share one; what keeps them apart is that nobody guesses a UUID. `undefined` if the token names no subject.
 */
export function requestScope(
  context: CallContext,
  requestId: string,
  isTokenPassedThrough: boolean,
  instanceId: string,
): readonly string[] | undefined {
  const { rpc, caller, callerToken } = context;
  // Without a token the call fails upstream, by the rules for that.
  const subject =
    isTokenPassedThrough && callerToken !== undefined ? subjectOf(callerToken.reveal()) : "";
  if (subject === undefined) return undefined;
  return [instanceId, rpc.path, caller, subject, requestId.toLowerCase()];
}
