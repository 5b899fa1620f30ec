/**
 * Frees the memory of large buffers at once.
 *
 * The bytes of a buffer lie outside of V8's heap. They are freed when a garbage collection finds
 * that the buffer is garbage. A buffer that was in use during two minor collections is in the old
 * generation, and is found by a major one only. V8 counts its bytes as part of that generation. So
 * each page of a list, whose JSON has 1 MB, brings the next major collection closer, although the
 * heap does not grow. Such a collection takes several milliseconds in one go.
 */

/** Shorter buffers are left to the garbage collector. */
const largeBytes = 65_536;

/** Since Node 21. The libraries of TypeScript's target do not have it. */
interface Transferable extends ArrayBuffer {
  transfer?(length: number): ArrayBuffer;
}

/**
 * Frees the memory of `bytes` if they are more than 64 KiB and nothing else lies in their
 * allocation. They must not be used afterwards; their length is 0 then. The memory is not zeroed.
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  if (byteLength <= largeBytes || byteLength !== buffer.byteLength) return;
  if (!(buffer instanceof ArrayBuffer)) return;
  const transferable: Transferable = buffer;
  if (transferable.transfer !== undefined) transferable.transfer(0);
  // The copy has the memory now. It is garbage in the young generation, so it does not live long.
  else structuredClone(buffer, { transfer: [buffer] });
}
