import type { CallSignal } from "../platform/call-signal.ts";
import type { Secret } from "../platform/secret.ts";
import { UpstreamError } from "./error.ts";
import type { Layer, UpstreamRequest } from "./layer.ts";

/** An access token in use. */
export interface Token {
  /** Counts the tokens of one source, so that a late complaint about an old one is known as such. */
  readonly generation: number;
  /** The whole value of the `authorization` header, built once. */
  readonly authorization: Secret;
}

/** The part of a call that a token source needs. */
export interface TokenCall {
  /** Aborted when the call has to end; that includes its deadline. */
  readonly signal: CallSignal;
}

/** Where the tokens come from; `iam/` implements it. */
export interface TokenSource {
  /**
   * Gives the token: at once, and not as a promise, while it is usable. Otherwise waits for IAM, but no longer than the
   * call lasts. Rejects with an `UpstreamError`: `IAM_UNAVAILABLE` (with `retryAfterMs`), `IAM_REJECTED`, or the way in
   * which the call ended.
   */
  get(call: TokenCall): Token | Promise<Token>;
  /**
   * Gives a token of a later generation than the one that Key Protect answered with 401. Such an answer may just as well
   * mean a lack of access, so the token stays in use meanwhile, and at most one refresh in 10 s is forced this way: if
   * that is spent, the result is the same token again. Rejects as `get` does.
   */
  renew(call: TokenCall, generation: number): Token | Promise<Token>;
}

/** Whose access token goes upstream: the gateway's own, or that of whoever calls. */
export type BearerCredential =
  | { readonly kind: "gateway"; readonly tokens: TokenSource }
  | { readonly kind: "caller" };

/** Creates the layer that adds `authorization`; nothing else in the gateway does. */
export const createBearer = (credential: BearerCredential): Layer =>
  credential.kind === "gateway" ? withOwnToken(credential.tokens) : withCallersToken;

/**
 * On a 401 the token is renewed and the request sent once more, for it was not executed. The second answer counts,
 * whatever it is. A 403 says nothing about the token.
 */
const withOwnToken =
  (tokens: TokenSource): Layer =>
  (next) =>
  async (request) => {
    const given = tokens.get(request.call);
    const token = given instanceof Promise ? await given : given;
    request.call.attemptLog.credential = "gateway";
    const answer = await next(authorized(request, token.authorization.reveal()));
    if (answer.status !== 401 || request.call.signal.aborted) return answer;
    const newer = await tokens.renew(request.call, token.generation);
    // The same token again: it was renewed a moment ago, so it is good and what lacks is access.
    if (newer.generation === token.generation || request.call.signal.aborted) return answer;
    // Each 429 gives one attempt the place at the head of the queue, and that attempt was made.
    const again = request.isRequeued === true ? { ...request, isRequeued: false } : request;
    return next(authorized(again, newer.authorization.reveal()));
  };

/** A caller's token cannot be renewed here: its 401 is the caller's to deal with. */
const withCallersToken: Layer = (next) => async (request) => {
  const token = request.call.callerToken;
  if (token === undefined) {
    throw new UpstreamError("CALLER_TOKEN_MISSING", "the caller sent no bearer token");
  }
  request.call.attemptLog.credential = "caller";
  return next(authorized(request, `Bearer ${token.reveal()}`));
};

/** The new name comes first: added behind the others it makes V8 copy them as a dictionary, at five times the cost. */
const authorized = (request: UpstreamRequest, authorization: string): UpstreamRequest => ({
  ...request,
  headers: { authorization, ...request.headers },
});
