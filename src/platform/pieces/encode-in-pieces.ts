/** Encodes a message with a long list in pieces. */
import { free } from "../bytes/free.ts";

/** The most entries of a list that are encoded at once. */
const pieceSize = 128;

/** A response that has been encoded. Its bytes are no field, so zeroing a response spares them. */
export class EncodedMessage {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }
}

/** A list of a message. */
export interface LongList {
  readonly name: string;
  readonly entries: unknown[];
}

/** The longest list of a message, if it is longer than a piece. */
export function longListOf(message: unknown): LongList | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  let longest: LongList | undefined;
  let most = pieceSize;
  for (const [name, value] of Object.entries(message)) {
    if (Array.isArray(value) && value.length > most) {
      longest = { name, entries: value };
      most = value.length;
    }
  }
  return longest;
}

/**
 * Encodes a message with its long list, with a turn before each piece. `blank` is a
 * message with no field set. Protobuf defines that the encodings of two messages behind each other
 * are one message, with the entries of both lists.
 */
export async function encodeInPieces<Res>(
  message: Res,
  { name, entries }: LongList,
  {
    blank,
    encode,
    turn,
  }: {
    readonly blank: Res;
    readonly encode: (message: Res) => Buffer;
    readonly turn: () => Promise<void>;
  },
): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for (let at = 0; at < entries.length; at += pieceSize) {
      // oxlint-disable-next-line no-await-in-loop -- other calls run between two pieces
      await turn();
      parts.push(encode({ ...blank, [name]: entries.slice(at, at + pieceSize) }));
    }
    parts.push(encode({ ...message, [name]: [] }));
    return Buffer.concat(parts);
  } finally {
    for (const part of parts) {
      part.fill(0);
      free(part);
    }
  }
}
