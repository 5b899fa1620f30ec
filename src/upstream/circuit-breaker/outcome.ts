import { UpstreamError } from "../error.ts";
import type { UpstreamErrorCode } from "../error.ts";
import type { UpstreamResponse } from "../layer.ts";

/**
 * What one exchange tells about the health of an origin: it `answered`, it `failed`, or the exchange says nothing about it
 * (`none`), because the gateway or the caller ended it.
 */
export type Evidence = "answered" | "failed" | "none";

const failures: ReadonlySet<UpstreamErrorCode> = new Set([
  "UNREACHABLE",
  "RESET",
  "TLS",
  "ATTEMPT_TIMEOUT",
  "BAD_RESPONSE",
]);

/**
 * Judges an answer. A 4xx is the request's fault and a 429 the gateway's pace: both come from an origin in good health, as
 * does 501, which says that there is no such operation.
 */
const evidenceOfStatus = (status: number): Evidence =>
  status >= 500 && status !== 501 ? "failed" : "answered";

/** Bytes that may stand around a JSON value. */
const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Whether a body is a JSON object by its two ends. The page of a proxy and an answer that breaks off are not; what
 * is wrong within is for the one who reads it to find, since reading all twice would cost every call for its sake.
 */
function isObject(body: Buffer): boolean {
  let first = 0;
  let last = body.length - 1;
  while (isSpace(body[first])) first += 1;
  while (isSpace(body[last])) last -= 1;
  return last > first && body[first] === 0x7b && body[last] === 0x7d;
}

/** Judges an answer, by its status and, of a success, by whether its body can be Key Protect's. */
export function outcomeOfResponse({ status, body }: UpstreamResponse): Evidence {
  const evidence = evidenceOfStatus(status);
  if (evidence === "failed" || status >= 300 || body.length === 0) return evidence;
  return isObject(body) ? "answered" : "failed";
}

/**
 * Judges what an exchange rejected with after `ranMs`. Never throws, whatever was thrown at it.
 *
 * A call that its caller gave up says nothing: if it did, callers with short deadlines could cut everybody off. It counts
 * only if the upstream had as long as an attempt may take.
 */
export function outcomeOfError(error: unknown, ranMs: number, attemptTimeoutMs: number): Evidence {
  try {
    if (!(error instanceof UpstreamError)) return "none";
    if (failures.has(error.code)) return "failed";
    return error.code === "DEADLINE" && ranMs >= attemptTimeoutMs ? "failed" : "none";
  } catch {
    return "none";
  }
}
