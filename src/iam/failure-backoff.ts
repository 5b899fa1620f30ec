/** How long IAM is not asked after a failed refresh, and the error that calls get meanwhile. */
import { UpstreamError } from "../upstream/error.ts";
import { isCredentialFault, type TokenExchangeError } from "./exchange-error.ts";

/** The state after a failed refresh: when IAM may be asked again, and why the refresh failed. */
export interface Backoff {
  /** Whether IAM rejected the credential, as opposed to IAM being unavailable. */
  readonly isPermanent: boolean;
  /** Whether another credential could help, so that its file is worth checking. */
  readonly isCredentialAtFault: boolean;
  /** No refresh starts before this time, in milliseconds of the monotonic clock. */
  readonly retryAt: number;
  readonly cause: TokenExchangeError;
}

/** Wait after a rejected credential, in milliseconds. */
const permanentMs = 60_000;
/** Bounds of the wait after other failures, in milliseconds. */
const shortestMs = 1_000;
const longestMs = 30_000;
/** Longest `Retry-After` that is believed: one response must not silence IAM, in milliseconds. */
const longestHintMs = 60_000;

/**
 * Computes the backoff after the `failures`-th failed refresh in a row: 60 s if IAM rejected the
 * credential; else IAM's `Retry-After`, 1 to 60 s; else a time that doubles from 1 to 30 s, half of
 * it random.
 */
export function backOff(
  cause: TokenExchangeError,
  failures: number,
  now: number,
  random: () => number,
): Backoff {
  const isCredentialAtFault = isCredentialFault(cause.code);
  if (cause.code === "REJECTED") {
    return { isPermanent: true, isCredentialAtFault, retryAt: now + permanentMs, cause };
  }
  const backoffMs = (0.5 + 0.5 * random()) * Math.min(longestMs, shortestMs * 2 ** (failures - 1));
  const waitMs =
    cause.retryAfterMs === undefined
      ? backoffMs
      : Math.min(longestHintMs, Math.max(shortestMs, cause.retryAfterMs));
  return { isPermanent: false, isCredentialAtFault, retryAt: now + waitMs, cause };
}

/**
 * The error for calls that get no token because of the backoff: `IAM_REJECTED`, `TLS`, or
 * `IAM_UNAVAILABLE` with the time until the next refresh.
 */
export function toTokenError({ isPermanent, retryAt, cause }: Backoff, now: number): UpstreamError {
  if (isPermanent) {
    return new UpstreamError("IAM_REJECTED", "IAM does not accept the gateway's credential", {
      cause,
    });
  }
  if (cause.code === "TLS") {
    // Without `retryAfterMs`: a retry does not help against a wrong configuration or an attack.
    return new UpstreamError("TLS", "IAM's certificate is not accepted", { cause });
  }
  const retryAfterMs = Math.max(0, Math.ceil(retryAt - now));
  return new UpstreamError("IAM_UNAVAILABLE", "IAM gives no token", { retryAfterMs, cause });
}
