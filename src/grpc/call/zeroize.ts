/**
 * Key material must not outlive its call in memory. What can be wiped is wiped; copies in the protobuf encoder, in
 * HTTP/2 frames and in TLS records are out of reach.
 */

const isMessage = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !(value instanceof Date);

/**
 * Fills the bytes fields of a message with zeros: its own, those of a `oneof`, and those of messages in it and in its
 * lists, to any depth. Only the bytes of the fields themselves change, also where a field is a view of a larger shared
 * allocation. The message must not be needed any more, and no other message may share its bytes.
 */
export function wipe(message: unknown): void {
  if (message instanceof Uint8Array) {
    message.fill(0);
  } else if (Array.isArray(message)) {
    // Protobuf lists hold one type: if the first element cannot hold bytes, none can.
    if (typeof message[0] === "object") for (const element of message) wipe(element);
  } else if (isMessage(message)) {
    for (const name in message) {
      const value = message[name];
      if (typeof value === "object") wipe(value);
    }
  }
}
