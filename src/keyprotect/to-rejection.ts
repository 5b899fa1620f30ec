import { isUtf8 } from "node:buffer";
import type { UpstreamResponse } from "../upstream/layer.ts";
import type { OnAnomaly } from "./anomaly.ts";
import { badResponseError, KeyProtectError, type UpstreamReason } from "./error.ts";
import { isObject, own } from "./decode/json.ts";
import { parseRetryAfter } from "../platform/http-date.ts";

/** Error bodies are a few hundred bytes; a larger one is a proxy's page and not worth parsing. */
const largestErrorBody = 65_536;

/** More reasons than any documented answer has; the rest says nothing new. */
const mostReasons = 16;

/**
 * Codes and field names travel on into error details and metric labels, so that only what looks like one passes. Every
 * documented code and name does, and an undocumented one will.
 */
const token = /^[A-Za-z0-9_.[\]-]{1,64}$/;

/**
 * The error for an answer with a status that the operation does not expect: `REJECTED` for 4xx and 5xx with what can be
 * read of reasons and `Retry-After`, `BAD_RESPONSE` for anything else. Survives any body, and quotes none of its texts.
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
  // HEAD has no body, and some proxies send none.
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

/** The API of 2019 has no reasons, and its resource may be a bare text. */
function reasonsOfResource(resource: unknown): readonly UpstreamReason[] {
  const reasons = isObject(resource) ? own(resource, "reasons") : undefined;
  return Array.isArray(reasons) ? reasons.flatMap(toReason) : [];
}

function toReason(reason: unknown): readonly UpstreamReason[] {
  if (!isObject(reason)) return [];
  // A published example has a code with a leading blank.
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
