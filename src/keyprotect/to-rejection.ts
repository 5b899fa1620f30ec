import { isUtf8 } from "node:buffer";
import type { UpstreamResponse } from "../upstream/layer.ts";
import type { OnAnomaly } from "./anomaly.ts";
import { badResponseError, KeyProtectError, type UpstreamReason } from "./error.ts";
import { isObject, own } from "./decode/json.ts";
import { parseRetryAfter } from "../platform/http-date.ts";

/**
 * Larger error bodies are not parsed, in bytes. A real one has a few hundred; a larger one is a
 * proxy's page.
 */
const largestErrorBody = 65_536;

/** Further reasons are dropped. No documented response has as many. */
const mostReasons = 16;

/**
 * The form of codes and field names. They are copied into error details and metric labels, so other
 * texts are dropped. Every documented code and name has this form.
 */
const token = /^[A-Za-z0-9_.[\]-]{1,64}$/;

/**
 * Creates the error for a response with an unexpected status: `REJECTED` for 4xx and 5xx, with the
 * reasons and `Retry-After` as far as they can be read; `BAD_RESPONSE` for anything else. Works
 * with any body and quotes none of its texts.
 */
export function toRejection(
  response: UpstreamResponse,
  wallNowMs: number,
  onAnomaly: OnAnomaly,
): KeyProtectError {
  const { status } = response;
  if (status < 400 || status > 599) return badResponseError(`unexpected status ${status}`, status);
  return new KeyProtectError("REJECTED", `Key Protect answered with status ${status}`, {
    httpStatus: status,
    reasons: reasonsOf(response.body, onAnomaly),
    retryAfterMs: retryAfterMsOf(response, wallNowMs, onAnomaly),
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

function reasonsOf(body: Buffer, onAnomaly: OnAnomaly): readonly UpstreamReason[] {
  // A response to HEAD has no body, and neither have those of some proxies.
  if (body.length === 0) return [];
  const resources = resourcesOf(body);
  if (resources === undefined) {
    onAnomaly("unreadable_rejection");
    return [];
  }
  return resources.flatMap(reasonsOfResource).slice(0, mostReasons);
}

function resourcesOf(body: Buffer): readonly unknown[] | undefined {
  if (body.length > largestErrorBody || !isUtf8(body)) return undefined;
  try {
    const envelope: unknown = JSON.parse(body.toString("utf8"));
    const resources = isObject(envelope) ? own(envelope, "resources") : undefined;
    return Array.isArray(resources) ? resources : undefined;
  } catch {
    return undefined;
  }
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
