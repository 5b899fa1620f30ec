/** How long one address of a name is tried before the next one. */

/**
 * Node's `autoSelectFamilyAttemptTimeout` for a connect time-out, both in milliseconds. Node's
 * default gives up each address but the last after 250 ms, so that a distant name with several
 * addresses is never reached. Half of the time is left to the next address, for the case that the
 * first one does not answer.
 */
export const addressAttemptMs = (connectTimeoutMs: number): number =>
  Math.ceil(connectTimeoutMs / 2);
