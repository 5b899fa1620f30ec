import type { UpstreamRequest, UpstreamResponse } from "../upstream/layer.ts";
import type { OnAnomaly } from "./anomaly.ts";
import { badResponseError, KeyProtectError, type UpstreamReason } from "./error.ts";
import { isObject, own } from "./decode/json.ts";
import { errorResources, hasJsonType } from "./error-body.ts";
import { tokenAge } from "./token-claims.ts";
import { parseRetryAfter } from "../platform/http-date.ts";
import type { Secret } from "../platform/secret.ts";

/** Further reasons are dropped. No documented response has as many. */
const mostReasons = 16;

/**
 * The form of codes and field names. They are copied into error details and metric labels, so other
 * texts are dropped. Every documented code and name has this form.
 */
const token = /^[A-Za-z0-9_.[\]-]{1,64}$/;

/**
 * Statuses that proxies send as well as Key Protect and that decide nothing: the request may be
 * repeated later, or its outcome is unknown. They need no body of Key Protect.
 */
const isIndefinite = (status: number): boolean =>
  status === 408 || status === 429 || (status >= 500 && status !== 501);

/** The part of a request that decides how its rejection is read. */
export interface RejectedRequest {
  readonly method: UpstreamRequest["method"];
  /** The caller's token, if the request carried it. */
  readonly callerToken: Secret | undefined;
}

/**
 * Creates the error for a response with an unexpected status: `REJECTED` for 4xx and 5xx, with the
 * reasons and `Retry-After` as far as they can be read; `BAD_RESPONSE` for anything else, and for a
 * definite status that Key Protect's own error body does not confirm. Works with any body and
 * quotes none of its texts. `request` is what was sent: the answer to a HEAD has no body.
 */
export function toRejection(
  response: UpstreamResponse,
  request: RejectedRequest,
  wallNowMs: number,
  onAnomaly: OnAnomaly,
): KeyProtectError {
  const { status, body } = response;
  if (status < 400 || status > 599) return badResponseError(`unexpected status ${status}`, status);
  const resources = errorResources(body);
  if (resources === undefined && body.length > 0) onAnomaly("unreadable_rejection");
  const isOwn = resources !== undefined || (request.method === "HEAD" && hasJsonType(response));
  if (!isOwn && !isIndefinite(status)) {
    return badResponseError(`status ${status} without an error body of Key Protect`, status);
  }
  return new KeyProtectError("REJECTED", `Key Protect answered with status ${status}`, {
    httpStatus: status,
    isForeign: !isOwn,
    reasons: (resources ?? []).flatMap(reasonsOfResource).slice(0, mostReasons),
    retryAfterMs: retryAfterMsOf(response, wallNowMs, onAnomaly),
    callerTokenAge: request.callerToken && tokenAge(request.callerToken.reveal(), wallNowMs),
  });
}

function retryAfterMsOf(
  response: UpstreamResponse,
  wallNowMs: number,
  onAnomaly: OnAnomaly,
): number | undefined {
  const value = response.headers["retry-after"];
  if (value === undefined) return undefined;
  const retryAfterMs = parseRetryAfter(value, wallNowMs);
  if (retryAfterMs === undefined) onAnomaly("malformed_retry_after");
  return retryAfterMs;
}

/** The 2019 API has no reasons, and its resource may be a plain text. */
function reasonsOfResource(resource: unknown): readonly UpstreamReason[] {
  const reasons = isObject(resource) ? own(resource, "reasons") : undefined;
  return Array.isArray(reasons) ? reasons.flatMap(toReason) : [];
}

function toReason(reason: unknown): readonly UpstreamReason[] {
  if (!isObject(reason)) return [];
  // A published example has a code with a leading space.
  const code = tokenOf(own(reason, "code"));
  if (code === undefined) return [];
  const target = own(reason, "target");
  return [{ code, target: isObject(target) ? tokenOf(own(target, "name")) : undefined }];
}

function tokenOf(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  return token.test(text) ? text : undefined;
}
