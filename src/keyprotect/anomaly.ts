/**
 * Something odd in an answer that is survived instead of failing the call, to be counted.
 *
 * - `malformed_date`: a date that is not RFC 3339; read as absent.
 * - `unknown_key_state`: a state number that nobody has documented; passed through.
 * - `unknown_policy_kind`: a policy that is neither rotation nor dual authorization; passed through as `unknown`.
 * - `unreadable_rejection`: an error answer whose body is not the documented JSON; read as having no reasons.
 * - `malformed_retry_after`: a `Retry-After` that is neither seconds nor a date to come; read as absent.
 */
export type Anomaly =
  | "malformed_date"
  | "unknown_key_state"
  | "unknown_policy_kind"
  | "unreadable_rejection"
  | "malformed_retry_after";

/** Told of every anomaly, once each. Must not throw. */
export type OnAnomaly = (anomaly: Anomaly) => void;
