/** The body of a response, as its pieces arrive. */

const noBody: Buffer = Buffer.alloc(0);

/**
 * Collects the pieces of a body. A body of several pieces whose length was announced is copied to
 * its place piece by piece: so the pieces are garbage at once, and nothing has to be joined when
 * the last one has arrived. Every piece that was copied is zeroed, so that there is one copy of key
 * material.
 */
export class ResponseBody {
  /** Bytes that have arrived. */
  #length = 0;
  /** Pieces that have not been copied. */
  #pieces: Buffer[] = [];
  /** The place of the whole body; absent if it is not needed or its length is unknown. */
  #whole: Buffer | undefined;

  get length(): number {
    return this.#length;
  }

  /**
   * Adds a piece. `announced` is the value of `content-length`, or `undefined`, and is within the
   * limit of the body. Throws a RangeError if there are more bytes than announced.
   */
  add(piece: Buffer, announced: number | undefined): void {
    const at = this.#length;
    this.#length += piece.length;
    if (this.#whole === undefined && announced !== undefined && announced > piece.length) {
      this.#whole = Buffer.allocUnsafeSlow(announced);
    }
    if (this.#whole === undefined) {
      this.#pieces.push(piece);
    } else {
      this.#whole.set(piece, at);
      piece.fill(0);
    }
  }

  /** The body in one piece. To be called once, when it is complete. */
  join(): Buffer {
    // Bytes that have not arrived are whatever was in this memory before.
    if (this.#whole !== undefined) return this.#whole.subarray(0, this.#length);
    const [first = noBody] = this.#pieces;
    if (this.#pieces.length <= 1) return first;
    const body = Buffer.concat(this.#pieces, this.#length);
    this.zeroize();
    return body;
  }

  /** Zeroes and forgets what has arrived. */
  zeroize(): void {
    this.#whole?.fill(0, 0, this.#length);
    this.#whole = undefined;
    for (const piece of this.#pieces) piece.fill(0);
    this.#pieces = [];
  }
}
