/** When a token is refreshed, and until when it is used. */
import type { TokenState } from "./token.ts";

/**
 * When a token is refreshed and until when it is used, in milliseconds from just before its
 * request.
 */
export interface TokenLifetime {
  readonly refreshAfterMs: number;
  readonly usableForMs: number;
}

/**
 * Safety margin, in milliseconds. A service may reject a token shortly before its end, and a call
 * may take a minute to reach it.
 */
const marginMs = 60_000;

/** Below this lifetime, in milliseconds, the margin would take too large a part. */
const shortLifeMs = 300_000;

/**
 * Splits a token's lifetime. The refresh is due at a random point between 75 and 85 % of it, so
 * that replicas started together do not ask together; for a token that lives less than 5 minutes,
 * at 50 %. The refresh is always due before the token's use ends.
 */
export function tokenLifetime(lifetimeMs: number, random: () => number): TokenLifetime {
  if (lifetimeMs < shortLifeMs) {
    return { refreshAfterMs: lifetimeMs * 0.5, usableForMs: lifetimeMs * 0.9 };
  }
  const usableForMs = lifetimeMs - marginMs;
  const refreshAfterMs = lifetimeMs * (0.75 + 0.1 * random());
  return { refreshAfterMs: Math.min(refreshAfterMs, usableForMs * 0.9), usableForMs };
}

/** The phase of a token of this age; `none` without a token. */
export function tokenPhase(
  times: TokenLifetime | undefined,
  ageMs: number | undefined,
): TokenState["phase"] {
  if (times === undefined || ageMs === undefined) return "none";
  if (ageMs < times.refreshAfterMs) return "fresh";
  return ageMs < times.usableForMs ? "due" : "expired";
}
