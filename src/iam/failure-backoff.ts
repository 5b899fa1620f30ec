import { UpstreamError } from "../upstream/error.ts";
import type { TokenExchangeError } from "./token-exchange-error.ts";

/** A failed flight, remembered, so that IAM is not asked again too soon. */
export interface Backoff {
  /** Whether the credential is refused, as against IAM being away. */
  readonly isPermanent: boolean;
  /** Whether another credential would put it right, so that a look at the file is worth while. */
  readonly isCredentialAtFault: boolean;
  /** No flight starts before this, in milliseconds of the monotonic clock. */
  readonly retryAt: number;
  readonly cause: TokenExchangeError;
}

const permanentMs = 60_000;
const shortestMs = 1_000;
const longestMs = 30_000;

/**
 * Says how long to leave IAM alone after the `failures`-th failed flight in a row: 60 s if it refuses the credential, as
 * long as it asks for, or else a time that doubles from 1 to 30 s, with half of it random.
 */
export function backOff(
  cause: TokenExchangeError,
  failures: number,
  now: number,
  random: () => number,
): Backoff {
  const isCredentialAtFault = cause.code === "REJECTED" || cause.code === "API_KEY_UNREADABLE";
  if (cause.code === "REJECTED") {
    return { isPermanent: true, isCredentialAtFault, retryAt: now + permanentMs, cause };
  }
  const backoffMs = (0.5 + 0.5 * random()) * Math.min(longestMs, shortestMs * 2 ** (failures - 1));
  const waitMs =
    cause.retryAfterMs === undefined ? backoffMs : Math.max(shortestMs, cause.retryAfterMs);
  return { isPermanent: false, isCredentialAtFault, retryAt: now + waitMs, cause };
}

/** What callers without a token are told. */
export function toTokenError({ isPermanent, retryAt, cause }: Backoff, now: number): UpstreamError {
  if (isPermanent) {
    return new UpstreamError("IAM_REJECTED", "IAM does not accept the gateway's credential", {
      cause,
    });
  }
  if (cause.code === "TLS") {
    // Retrying must not look attractive: it is a configuration, or an attack.
    return new UpstreamError("TLS", "IAM's certificate is not accepted", { cause });
  }
  const retryAfterMs = Math.max(0, Math.ceil(retryAt - now));
  return new UpstreamError("IAM_UNAVAILABLE", "IAM gives no token", { retryAfterMs, cause });
}
