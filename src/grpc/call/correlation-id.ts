/** The ID by which caller, gateway and Key Protect identify the same call. */
import type { Metadata } from "@grpc/grpc-js";
import { isUuid } from "../../platform/uuid.ts";

/** The metadata key that carries the correlation ID in both directions. */
export const correlationKey = "x-correlation-id";

/**
 * Metadata keys that are read, in order of preference. `correlation-id` is Key Protect's own
 * header, for callers that forward it.
 */
const acceptedKeys = [correlationKey, "correlation-id"];

/**
 * The caller's correlation ID if it sent exactly one and that is a UUID of any version, otherwise a
 * new one from `createId`. Other texts are replaced, because the ID is written to log lines and to
 * a header of the upstream request.
 */
export function correlationIdOf(metadata: Metadata, createId: () => string): string {
  for (const key of acceptedKeys) {
    const [value, ...others] = metadata.get(key);
    // Of two IDs, it is unknown which one the caller means.
    if (others.length > 0) continue;
    if (typeof value === "string" && isUuid(value)) return value;
  }
  return createId();
}
