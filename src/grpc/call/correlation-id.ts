/** The one ID that ties together what caller, gateway and Key Protect know of a call. */
import type { Metadata } from "@grpc/grpc-js";
import { isUuid } from "../../platform/uuid.ts";

/** The metadata key that carries the correlation ID in both directions. */
export const correlationKey = "x-correlation-id";

/** Accepted on the way in for callers that send Key Protect's own header name on. */
const alternativeKey = "correlation-id";

function uuidAt(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return typeof value === "string" && isUuid(value) ? value : undefined;
}

/**
 * The caller's correlation ID, as it is, if it is a UUID of any version, else a new one from `createId`. Anything
 * but a UUID is replaced: the ID goes into log lines and into a header of the upstream request.
 */
export function correlationIdOf(metadata: Metadata, createId: () => string): string {
  return uuidAt(metadata, correlationKey) ?? uuidAt(metadata, alternativeKey) ?? createId();
}
