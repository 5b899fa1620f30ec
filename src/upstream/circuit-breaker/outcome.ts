/** How an exchange counts in its circuit. */
import { UpstreamError } from "../error.ts";
import type { UpstreamErrorCode } from "../error.ts";
import type { UpstreamResponse } from "../layer.ts";

/**
 * How one exchange counts: `success` and `failure` say something about the health of the host.
 * `ignored` does not, because the gateway or the caller ended the exchange.
 */
export type Outcome = "success" | "failure" | "ignored";

const failures: ReadonlySet<UpstreamErrorCode> = new Set([
  "UNREACHABLE",
  "RESET",
  "TLS",
  "ATTEMPT_TIMEOUT",
  "BAD_RESPONSE",
]);

/**
 * Whether a body looks like a JSON object: it starts with `{` and ends with `}`, white space aside.
 * Error pages of proxies and truncated bodies do not. The decoder does the full validation; parsing
 * here as well would cost every call.
 */
function isObject(body: Buffer): boolean {
  let first = 0;
  let last = body.length - 1;
  for (let byte = body[first]; byte !== 0x7b; byte = body[++first]) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  for (let byte = body[last]; byte !== 0x7d; byte = body[--last]) {
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return last > first;
}

/**
 * How a response counts. A 4xx is about the request and a 429 about the gateway's rate; both come
 * from a healthy host, and so does 501 (no such operation). A 2xx whose body cannot be Key
 * Protect's counts as a failure.
 */
export function outcomeOfResponse({ status, body }: UpstreamResponse): "success" | "failure" {
  if (status >= 300) return status >= 500 && status !== 501 ? "failure" : "success";
  return body.length === 0 || isObject(body) ? "success" : "failure";
}

/**
 * How the error of an exchange that ran for `ranMs` milliseconds counts. Never throws, whatever
 * `error` is.
 *
 * A deadline counts as a failure only if the upstream had the whole time of an attempt. Otherwise
 * callers with short deadlines could open the circuit for everybody.
 */
export function outcomeOfError(error: unknown, ranMs: number, attemptTimeoutMs: number): Outcome {
  try {
    if (!(error instanceof UpstreamError)) return "ignored";
    if (failures.has(error.code)) return "failure";
    return error.code === "DEADLINE" && ranMs >= attemptTimeoutMs ? "failure" : "ignored";
  } catch {
    return "ignored";
  }
}
