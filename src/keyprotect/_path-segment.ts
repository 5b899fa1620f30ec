import { KeyProtectError } from "./error.ts";

/**
 * An ID or alias as one segment of a path. An ID that could turn the path into another one (empty, `.`, `..`) or that
 * has no encoding (a lone surrogate) names nothing: `REJECTED` with 404, without anything being sent.
 */
export function pathSegment(id: string): string {
  if (id !== "" && id !== "." && id !== "..") {
    try {
      return encodeURIComponent(id);
    } catch {
      // A lone surrogate; answered below.
    }
  }
  throw new KeyProtectError("REJECTED", "the ID cannot name anything; nothing was sent", {
    httpStatus: 404,
  });
}
