/** The claims of an IAM access token. The gateway reads them without verifying the token. */
import { isObject, type JsonObject } from "./decode/json.ts";
import type { TokenAge } from "./error.ts";

/**
 * The claims of a token; `undefined` if it is opaque. They may be invented: access that depends on
 * them has to be checked by Key Protect with the same token.
 */
export function claimsOf(token: string): JsonObject | undefined {
  const [, payload, signature] = token.split(".");
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** Most that the clocks of gateway and Key Protect may differ by, in milliseconds. */
const clockSkewMs = 60_000;

/** Reads the age of a token at `wallNowMs`, in milliseconds since the Unix epoch. */
export function tokenAge(token: string, wallNowMs: number): TokenAge {
  const expiry = claimsOf(token)?.["exp"];
  if (typeof expiry !== "number") return undefined;
  const remainingMs = expiry * 1_000 - wallNowMs;
  if (remainingMs <= 0) return "expired";
  return remainingMs > clockSkewMs ? "current" : undefined;
}
