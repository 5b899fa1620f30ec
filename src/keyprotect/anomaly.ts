/**
 * A defect of a response that does not fail the call and is counted instead.
 *
 * - `malformed_date`: a date that is not RFC 3339; treated as absent.
 * - `unknown_key_state`: an undocumented number for the state of a key or KMIP object; passed
 *   through.
 * - `unknown_policy_kind`: a policy, of a key or an instance, or a choice of networks that the
 *   gateway does not know; passed on without its kind, or without the choice.
 * - `unreadable_rejection`: an error response without the documented JSON; treated as without
 *   reasons.
 * - `short_page`: a page of keys has fewer than requested, although a total in the response says
 *   that more follow; the gateway reads what follows.
 * - `malformed_retry_after`: neither seconds nor a future date; treated as absent.
 */
export type Anomaly =
  | "malformed_date"
  | "unknown_key_state"
  | "unknown_policy_kind"
  | "unreadable_rejection"
  | "short_page"
  | "malformed_retry_after";

/** Called once for every anomaly. Must not throw. */
export type OnAnomaly = (anomaly: Anomaly) => void;
