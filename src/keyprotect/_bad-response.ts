import { KeyProtectError } from "./error.ts";

/** The error for an answer that is not what the operation returns. `problem` names fields, never values. */
export function badResponse(problem: string, httpStatus?: number): KeyProtectError {
  return new KeyProtectError("BAD_RESPONSE", `Key Protect's answer makes no sense: ${problem}`, {
    httpStatus,
  });
}
