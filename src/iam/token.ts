/** The types of a token source that refreshes its token itself. */
import type { TokenSource } from "../upstream/bearer-token.ts";
import type { TokenExchangeErrorCode } from "./exchange-error.ts";

/** A `TokenSource` that refreshes its token in the background. */
export interface ManagedTokenSource extends TokenSource {
  /**
   * Starts the first refresh if needed. Resolves with `true` once there has been a token, or with
   * `false` after `timeoutMs`.
   */
  ready(timeoutMs: number): Promise<boolean>;
  /** The state at this moment. */
  state(): TokenState;
  /**
   * Says that the credential has been replaced. It is tried at once, while calls go on with the
   * token at hand; if it is refused, they do so until that token ends.
   */
  credentialReplaced(): void;
  /** Ends the refresh under way; calls that wait for it are rejected with `SHUTDOWN`. */
  close(): void;
}

/** State of a token source, without the token. */
export interface TokenState {
  readonly authType: AuthType;
  /** `none`: there is no token yet; `fresh`; `due`: usable, but a refresh is due; `expired`. */
  readonly phase: "none" | "fresh" | "due" | "expired";
  /** Number of tokens so far. */
  readonly generation: number;
  /** Time since the token was requested, in milliseconds. */
  readonly ageMs: number | undefined;
  /** Why the latest refresh failed; `undefined` if it succeeded. */
  readonly failure: TokenExchangeErrorCode | undefined;
  /**
   * When the present credential last gave a token, in milliseconds since the Unix epoch.
   * `undefined`: it has not given one yet.
   */
  readonly credentialUsedAt: number | undefined;
}

/** The ways to get a token, in the words of IBM's SDKs. */
export const authTypes = ["iam", "container", "vpc", "iamAssume"] as const;

/** A way to get a token: by API key, compute-resource token, metadata service or another token. */
export type AuthType = (typeof authTypes)[number];

/** Outcome of one refresh, for metrics. */
export type RefreshOutcome = "ok" | "unavailable" | "rejected";
