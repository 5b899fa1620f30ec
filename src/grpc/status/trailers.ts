/** A status with its trailers. */
import { Metadata, type status } from "@grpc/grpc-js";
import { correlationKey } from "../call/correlation-id.ts";
import { encodeStatus, type StatusFacts } from "./encode-status.ts";
import type { StatusError } from "./status-error.ts";

/** A status with its trailers, as grpc-js sends it. */
export interface StatusWithTrailers {
  readonly code: status;
  /** The status text. */
  readonly details: string;
  /**
   * `x-correlation-id`, `grpc-status-details-bin` and, for a retry hint, `grpc-retry-pushback-ms`.
   */
  readonly metadata: Metadata;
}

/** Encodes an error with its details and the call's correlation ID as trailers. */
export function withTrailers(error: StatusError, facts: StatusFacts): StatusWithTrailers {
  const { code, message, details, pushback } = encodeStatus(error, facts);
  const metadata = new Metadata();
  metadata.set(correlationKey, facts.correlationId);
  metadata.set("grpc-status-details-bin", details);
  if (pushback !== undefined) metadata.set("grpc-retry-pushback-ms", pushback);
  return { code, details: message, metadata };
}
