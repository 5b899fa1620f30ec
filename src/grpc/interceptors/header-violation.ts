import { status } from "@grpc/grpc-js";
import { StatusError } from "../status/status-error.ts";

/** `INVALID_ARGUMENT` / `REQUEST_INVALID` for a metadata entry that breaks a rule. */
export const headerViolation = (header: string, reason: string, description: string): StatusError =>
  new StatusError(
    status.INVALID_ARGUMENT,
    "REQUEST_INVALID",
    `the metadata ${header}: ${description}`,
    { violations: [{ field: header, reason, description }] },
  );
