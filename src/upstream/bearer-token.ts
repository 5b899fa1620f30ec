/**
 * The layer that adds the access token, and the interface of the source that the token comes from.
 */
import type { CallSignal } from "../platform/call-signal.ts";
import type { CallTrace } from "../platform/tracing/call-trace.ts";
import type { Secret } from "../platform/secret.ts";
import { callEndedError, UpstreamError } from "./error.ts";
import type { IsOwnError, Layer, UpstreamRequest, UpstreamResponse } from "./layer.ts";

/** An access token in use. */
export interface Token {
  /**
   * Number of the token within its source. Tells a 401 for an old token from one for the newest.
   */
  readonly generation: number;
  /** The whole value of the `authorization` header, built once. */
  readonly authorization: Secret;
}

/** The part of a call that a token source needs. */
export interface TokenCall {
  /** Aborted when the call has to end; that includes its deadline. */
  readonly signal: CallSignal;
  /** The call's trace, for the span of the exchange that it waits for. */
  readonly trace?: CallTrace | undefined;
}

/** A source of access tokens; `iam/` implements it. */
export interface TokenSource {
  /**
   * Returns the token: synchronously while it is usable, otherwise after IAM has answered, but not
   * later than the call ends. Rejects with an `UpstreamError`: `IAM_UNAVAILABLE` (with
   * `retryAfterMs`), `IAM_REJECTED`, or the code of the call's end.
   */
  get(call: TokenCall): Token | Promise<Token>;
  /**
   * Returns a token of a later generation than the given one, which Key Protect answered with 401.
   * A 401 may also mean missing access. So the token stays in use meanwhile, and at most one
   * refresh in 10 s is forced this way; within those 10 s the result is the same token again.
   * Rejects as `get` does.
   */
  renew(call: TokenCall, generation: number): Token | Promise<Token>;
}

/** Whose access token goes upstream: the gateway's own or the caller's. */
export type BearerCredential =
  | {
      readonly kind: "gateway";
      readonly tokens: TokenSource;
      /** Tells a 401 of the upstream from a proxy's. Default: none is the upstream's. */
      readonly isOwnError?: IsOwnError | undefined;
    }
  | { readonly kind: "caller" };

/**
 * Creates the layer that adds `authorization` and sets `credential` in the attempt log. Rejects as
 * the token source does, or with `CALLER_TOKEN_MISSING`.
 */
export const createBearer = (credential: BearerCredential): Layer =>
  credential.kind === "gateway"
    ? withOwnToken(credential.tokens, credential.isOwnError ?? (() => false))
    : withCallersToken;

/**
 * After a 401 the token is renewed and the request, which was not executed, is sent once more; the
 * second response is returned, whatever it is. A 403 says nothing about the token.
 *
 * A 401 that is not the upstream's own does not prove that the request was not executed. An unsafe
 * request is not sent again after it. One that is safe under a condition is noted as possibly
 * executed, and the response to a second exchange always is. If there is no second exchange, the
 * request does not end as one that was never sent.
 */
const withOwnToken =
  (tokens: TokenSource, isOwnError: IsOwnError): Layer =>
  (next) => {
    /** Sends the request with a newer token. Returns `response`, the 401, if there is none. */
    const sendAgain = async (
      request: UpstreamRequest,
      response: UpstreamResponse,
      { generation }: Token,
    ): Promise<UpstreamResponse> => {
      const newer = await tokens.renew(request.call, generation);
      // The same token again: it was renewed within the last 10 s, so access is missing, not a
      // token.
      if (newer.generation === generation || request.call.signal.aborted) return response;
      // A 429 gives the head of the queue to one attempt, and that attempt has been made.
      const again = request.isRequeued === true ? { ...request, isRequeued: false } : request;
      return next(authorized(again, newer.authorization.reveal()));
    };

    return async (request) => {
      const { rpc, signal, attemptLog } = request.call;
      const given = tokens.get(request.call);
      const token = given instanceof Promise ? await given : given;
      attemptLog.credential = "gateway";
      const response = await next(authorized(request, token.authorization.reveal()));
      if (response.status !== 401 || signal.aborted) return response;
      if (isOwnError(response)) return sendAgain(request, response, token);
      if (rpc.retry === "unsafe") {
        // The token may be the cause, so later calls get a new one. This call has its answer.
        await renewedOrNot(tokens, request, token);
        return response;
      }
      if (rpc.retry === "conditional") attemptLog.mayHaveBeenExecuted = true;
      try {
        const newer = await sendAgain(request, response, token);
        return newer === response ? response : { ...newer, isAfterUnproven: true };
      } catch (error) {
        if (!(error instanceof UpstreamError) || error.sent) throw error;
        if (signal.aborted) throw callEndedError(signal, { sent: true });
        return response;
      }
    };
  };

/** Renews the token. Never rejects. */
async function renewedOrNot(
  tokens: TokenSource,
  { call }: UpstreamRequest,
  { generation }: Token,
): Promise<void> {
  try {
    await tokens.renew(call, generation);
  } catch {
    // The next call gets the failure of IAM if it still holds.
  }
}

/** The gateway cannot renew a caller's token, so a 401 goes back to the caller. */
const withCallersToken: Layer = (next) => async (request) => {
  const token = request.call.callerToken;
  if (token === undefined) {
    throw new UpstreamError("CALLER_TOKEN_MISSING", "the caller sent no bearer token");
  }
  request.call.attemptLog.credential = "caller";
  return next(authorized(request, `Bearer ${token.reveal()}`));
};

/**
 * `authorization` comes first: as the last name it makes V8 copy a dictionary, at 5 times the cost.
 */
const authorized = (request: UpstreamRequest, authorization: string): UpstreamRequest => ({
  ...request,
  headers: { authorization, ...request.headers },
});
