import { UpstreamError } from "./error.ts";
import type { UpstreamErrorCode } from "./error.ts";

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
export const evidenceOfStatus = (status: number): Evidence =>
  status >= 500 && status !== 501 ? "failed" : "answered";

/**
 * Judges what an exchange rejected with after `ranMs`. Never throws, whatever was thrown at it.
 *
 * A call that its caller gave up says nothing: if it did, callers with short deadlines could cut everybody off. It counts
 * only if the upstream had as long as an attempt may take.
 */
export function evidenceOfError(error: unknown, ranMs: number, attemptTimeoutMs: number): Evidence {
  try {
    if (!(error instanceof UpstreamError)) return "none";
    if (failures.has(error.code)) return "failed";
    return error.code === "DEADLINE" && ranMs >= attemptTimeoutMs ? "failed" : "none";
  } catch {
    return "none";
  }
}
