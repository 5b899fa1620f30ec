/**
 * Key material must not stay in memory after its call. Buffers that the gateway owns are zeroed;
 * copies in the protobuf encoder, in HTTP/2 frames and in TLS records are out of reach.
 */
import { free } from "../../platform/bytes/free.ts";

/**
 * Fills the bytes fields of a message with zeros: its own, those of a `oneof`, and those of nested
 * messages and lists, to any depth. Only the bytes of the fields change, even if a field is a view
 * of a larger allocation. The message must not be used afterwards, and no other message may share
 * its bytes.
 */
export function zeroize(message: unknown): void {
  if (typeof message !== "object" || message === null) return;
  if (message instanceof Uint8Array) {
    message.fill(0);
  } else if (Array.isArray(message)) {
    // All elements of a protobuf list have one type: if the first cannot hold bytes, none can.
    if (typeof message[0] === "object") for (const element of message) zeroize(element);
  } else if (hasFields(message)) {
    // `Object.values` would create a list for each key of a page, and take three times as long.
    for (const name in message) {
      const field = message[name];
      if (typeof field === "object") zeroize(field);
    }
  }
}

/** Zeroes an encoded message and frees its memory. It must not be used afterwards. */
export function discard(encoded: Uint8Array): void {
  encoded.fill(0);
  free(encoded);
}

const hasFields = (message: object): message is Readonly<Record<string, unknown>> =>
  !(message instanceof Date);
