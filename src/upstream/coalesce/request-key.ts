import { hash } from "node:crypto";
import type { UpstreamRequest } from "../layer.ts";

/** Whose requests may share an answer: everybody's the gateway authorised, or those with the same access token. */
export type SharingScope = "instance" | "caller";

/** Different for every request. */
const correlationId = "correlation-id";

/**
 * What makes two requests the same: all of them that the upstream sees but the correlation ID. Bodies and tokens enter as
 * SHA-256 only, since the key outlives neither of them but is not wiped. No part can contain the line feed between them.
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
