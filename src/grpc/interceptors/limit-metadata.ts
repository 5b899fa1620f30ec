import { status, type Metadata } from "@grpc/grpc-js";
import type { Interceptor } from "./interceptor.ts";
import { StatusError } from "../status/status-error.ts";

/** How much request metadata is accepted. */
export interface MetadataLimits {
  /** Most bytes, counted as HTTP/2 does (RFC 9113, section 6.5.2): name and value as sent, and 32 for each entry. */
  readonly maxBytes: number;
  /** Most entries; each value of a repeated key is one. */
  readonly maxEntries: number;
}

/** What every call of the contract fits in many times over. */
export const defaultMetadataLimits: MetadataLimits = { maxBytes: 16_384, maxEntries: 64 };

const entryOverheadBytes = 32;

/** Binary values travel as base64. */
const sentLength = (value: string | Buffer): number =>
  typeof value === "string" ? value.length : Math.ceil(value.length / 3) * 4;

function sizeOf(metadata: Metadata): { bytes: number; entries: number } {
  let bytes = 0;
  let entries = 0;
  const add = (key: string, values: readonly (string | Buffer)[]): void => {
    entries += values.length;
    for (const value of values) bytes += key.length + sentLength(value) + entryOverheadBytes;
  };
  for (const [key, values] of Object.entries(metadata.toJSON())) add(key, values);
  // A legal key, which `toJSON` swallows because it builds a plain object.
  add("__proto__", metadata.get("__proto__"));
  return { bytes, entries };
}

/**
 * Refuses calls with more request metadata than the limits with `RESOURCE_EXHAUSTED` / `METADATA_TOO_LARGE`: grpc-js
 * itself has no limit short of the one at which it closes the connection.
 */
export const limitMetadata =
  ({ maxBytes, maxEntries }: MetadataLimits): Interceptor =>
  (next) =>
  (request, context) => {
    const { bytes, entries } = sizeOf(context.metadata);
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
