/** The translation of undici's errors into `UpstreamError`. */
import { errors } from "undici";
import { ProxyError } from "./proxy-error.ts";
import { isTlsFailure } from "../../platform/tls-errors.ts";
import { UpstreamError } from "../error.ts";
import type { UpstreamErrorCode } from "../error.ts";

const texts = {
  UNREACHABLE: "the upstream could not be reached",
  RESET: "the connection broke before the answer was complete",
  TLS: "no trusted TLS connection could be made",
  ATTEMPT_TIMEOUT: "the upstream was silent for too long",
  BAD_RESPONSE: "the answer is not valid HTTP, or too large",
  SHUTDOWN: "the connections to the upstream are closed",
} as const satisfies Partial<Record<UpstreamErrorCode, string>>;

const codes: Readonly<Record<string, keyof typeof texts>> = {
  UND_ERR_CONNECT_TIMEOUT: "UNREACHABLE",
  UND_ERR_HEADERS_TIMEOUT: "ATTEMPT_TIMEOUT",
  UND_ERR_BODY_TIMEOUT: "ATTEMPT_TIMEOUT",
  UND_ERR_HEADERS_OVERFLOW: "BAD_RESPONSE",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "BAD_RESPONSE",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "BAD_RESPONSE",
  UND_ERR_CLOSED: "SHUTDOWN",
  UND_ERR_DESTROYED: "SHUTDOWN",
};

/** Requests that undici does not write: bugs of the gateway, not failures of the upstream. */
const defects: ReadonlySet<string> = new Set([
  "UND_ERR_INVALID_ARG",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_NOT_SUPPORTED",
]);

const codeOf = (error: Error): string =>
  "code" in error && typeof error.code === "string" ? error.code : "";

function upstreamCode(error: Error, isStarted: boolean): keyof typeof texts {
  const code = codeOf(error);
  if (error instanceof ProxyError) return code === "PROXY_TLS" ? "TLS" : "UNREACHABLE";
  const known = codes[code];
  if (known !== undefined) return known;
  // Its `code` is documented as `HPE_…` but is undefined in undici 7.
  if (error instanceof errors.HTTPParserError) return "BAD_RESPONSE";
  if (isTlsFailure(code)) return "TLS";
  // An unexpected 1xx response ends in a `SocketError`, as a broken connection does. Only the text
  // tells them apart.
  if (code === "UND_ERR_SOCKET" && error.message.startsWith("bad ")) return "BAD_RESPONSE";
  return isStarted ? "RESET" : "UNREACHABLE";
}

/**
 * Translates an error that undici reports. `isStarted` says whether undici had begun to write the
 * request. A request that HTTP cannot express gives a plain `Error`: a bug of the gateway, which no
 * retry cures.
 */
export function toUpstreamError(error: Error, isStarted: boolean): Error {
  if (defects.has(codeOf(error))) {
    return new Error("the gateway built a request that cannot be sent", { cause: error });
  }
  // A parser error carries the bytes that it failed on: part of a response, possibly key material.
  if ("data" in error) error.data = undefined;
  const code = upstreamCode(error, isStarted);
  const text = error instanceof ProxyError ? error.message : texts[code];
  return new UpstreamError(code, text, { sent: isStarted, cause: error });
}
