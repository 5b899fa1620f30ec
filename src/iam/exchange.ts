/** The types of an exchange of a credential for an access token. */
import type { Secret } from "../platform/secret.ts";

/** A token that IAM, or the metadata service for it, issued. */
export interface Grant {
  readonly accessToken: Secret;
  /** Lifetime, in milliseconds from the time just before the request; more than 0. */
  readonly lifetimeMs: number;
  /**
   * How far IAM's clock is ahead of the local wall clock, in milliseconds. Only for the log;
   * nothing is computed from it.
   */
  readonly clockSkewMs: number | undefined;
}

/** Requests a token once. Rejects with a `TokenExchangeError`. */
export type TokenExchange = (signal: AbortSignal) => Promise<Grant>;
