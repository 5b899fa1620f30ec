/** Limits the request metadata of a call. */
import { type Metadata, status } from "@grpc/grpc-js";
import { StatusError } from "../status/status-error.ts";
import type { Interceptor } from "./interceptor.ts";

/** How much request metadata is accepted. */
export interface MetadataLimits {
  /**
   * Maximum size in bytes, counted as in HTTP/2 (RFC 9113 section 6.5.2): name and value as sent,
   * plus 32 per entry.
   */
  readonly maxBytes: number;
  /** Maximum number of entries; each value of a repeated key is one. */
  readonly maxEntries: number;
}

/** Default limits: many times what a call of the contract needs. */
export const defaultMetadataLimits: MetadataLimits = { maxBytes: 16_384, maxEntries: 64 };

const entryOverheadBytes = 32;

/** The size of metadata as `MetadataLimits` counts it. */
export function metadataSize(metadata: Metadata): { bytes: number; entries: number } {
  let bytes = 0;
  let entries = 0;
  const values = Object.entries(metadata.toJSON());
  // A legal key, which `toJSON` drops because it builds a plain object.
  values.push(["__proto__", metadata.get("__proto__")]);
  for (const [key, valuesOfKey] of values) {
    entries += valuesOfKey.length;
    for (const value of valuesOfKey) {
      // Binary values are sent as base64.
      const length = typeof value === "string" ? value.length : Math.ceil(value.length / 3) * 4;
      bytes += key.length + length + entryOverheadBytes;
    }
  }
  return { bytes, entries };
}

/**
 * Creates the interceptor that rejects calls whose request metadata exceeds the limits, with
 * `RESOURCE_EXHAUSTED` / `METADATA_TOO_LARGE`. grpc-js has no limit below the one at which it
 * closes the connection.
 */
export const limitMetadata =
  ({ maxBytes, maxEntries }: MetadataLimits): Interceptor =>
  (next) =>
  (request, context) => {
    const { bytes, entries } = metadataSize(context.metadata);
    if (bytes <= maxBytes && entries <= maxEntries) return next(request, context);
    return Promise.reject(
      new StatusError(
        status.RESOURCE_EXHAUSTED,
        "METADATA_TOO_LARGE",
        `the request metadata has ${bytes} bytes in ${entries} entries; at most ${maxBytes} bytes in ${maxEntries} entries are accepted`,
        { metadata: { maxBytes: String(maxBytes), maxEntries: String(maxEntries) } },
      ),
    );
  };
