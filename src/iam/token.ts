/** A token source that keeps itself fresh, and what it reports about itself. */
import type { TokenSource } from "../upstream/bearer-token.ts";
import type { TokenExchangeErrorCode } from "./token-exchange-error.ts";

/** A `TokenSource` with a life of its own. */
export interface ManagedTokenSource extends TokenSource {
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
  readonly failure: TokenExchangeErrorCode | undefined;
}

/** Outcome of one try to get a token, for metrics. */
export type RefreshOutcome = "ok" | "unavailable" | "rejected";
