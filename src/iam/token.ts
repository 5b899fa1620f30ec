/** Access tokens as those who send them see them. */
import type { CallSignal } from "../call-signal.ts";
import type { Secret } from "../observability/secret.ts";
import type { ExchangeErrorCode } from "./exchange-error.ts";

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
  /** Starts if need be, and resolves once there has been a token (`true`) or the time is over (`false`). */
  ready(timeoutMs: number): Promise<boolean>;
  state(): TokenState;
  /** Ends what is under way; whoever waits is told `SHUTDOWN`. */
  close(): void;
}

/** What can be told of a token source without telling the token. */
export interface TokenState {
  /** `none`: never had one; `fresh`; `due`: usable, to be replaced; `expired`. */
  readonly phase: "none" | "fresh" | "due" | "expired";
  readonly generation: number;
  /** Since the token was asked for, in milliseconds. */
  readonly ageMs: number | undefined;
  /** Why the newest try failed; `undefined` if it did not. */
  readonly failure: ExchangeErrorCode | undefined;
}

/** Outcome of one try to get a token, for metrics. */
export type RefreshOutcome = "ok" | "unavailable" | "rejected";
