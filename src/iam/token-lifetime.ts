/** When a token is to be replaced and when it is no longer to be used, in milliseconds from before it was asked for. */
export interface TokenLifetime {
  readonly refreshAfterMs: number;
  readonly usableForMs: number;
}

/** A service may refuse a token shortly before its end, and a call may take a minute to get there. */
const marginMs = 60_000;

/** Below this life, the margin would be too much of it. */
const shortLifeMs = 300_000;

/**
 * Divides a token's life. The refresh falls between 75 and 85 % of it, so that replicas started together do not ask
 * together; that of a short-lived token at half of it. The refresh is always due before the end.
 */
export function tokenLifetime(lifetimeMs: number, random: () => number): TokenLifetime {
  if (lifetimeMs < shortLifeMs) {
    return { refreshAfterMs: lifetimeMs * 0.5, usableForMs: lifetimeMs * 0.9 };
  }
  const usableForMs = lifetimeMs - marginMs;
  const refreshAfterMs = lifetimeMs * (0.75 + 0.1 * random());
  return { refreshAfterMs: Math.min(refreshAfterMs, usableForMs * 0.9), usableForMs };
}
