import { hash } from "node:crypto";
import type { UpstreamRequest } from "../layer.ts";

/**
 * Which calls may share a response: all that the gateway authorised for the `instance`, or those
 * with the same access token (`caller`).
 */
export type SharingScope = "instance" | "caller";

/** The one header that differs between identical requests. */
const correlationId = "correlation-id";

/**
 * The key that identical requests have in common: everything that the upstream sees, except the
 * correlation ID. Bodies and tokens are included as SHA-256 hashes, because a key is a string and
 * cannot be zeroed. No part can contain the line feed that separates the parts.
 */
export function coalesceKey(request: UpstreamRequest, scope: SharingScope): string {
  const { method, path, headers, body, maxResponseBytes, call } = request;
  let key = `${call.rpc.method}\n${maxResponseBytes}\n${method} ${path}`;
  for (const name in headers) {
    if (name !== correlationId) key += `\n${name}:${headers[name]}`;
  }
  if (scope === "caller" && call.callerToken !== undefined) {
    key += `\n\ntoken ${hash("sha256", call.callerToken.reveal(), "base64")}`;
  }
  if (body !== undefined) key += `\n\nbody ${hash("sha256", body, "base64")}`;
  return key;
}
