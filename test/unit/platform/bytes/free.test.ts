/** Buffers whose memory is freed before a garbage collection. */
import { expect, test } from "vitest";
import { free } from "../../../../src/platform/bytes/free.ts";

test("a buffer of more than 64 KiB has no bytes after it was freed", () => {
  const bytes = Buffer.alloc(65_537, 1);
  free(bytes);
  expect(bytes).toHaveLength(0);
  expect(bytes.buffer.byteLength).toBe(0);
});

test("a buffer of 64 KiB and an empty one are left to the garbage collector", () => {
  const bytes = Buffer.alloc(65_536, 1);
  free(bytes);
  free(Buffer.alloc(0));
  expect(bytes).toHaveLength(65_536);
});

test("a buffer that shares its allocation keeps its bytes, and so do the others", () => {
  const shared = Buffer.alloc(200_000, 1);
  const [first, rest] = [shared.subarray(0, 100_000), shared.subarray(100_000)];
  free(first);
  free(rest);
  expect(first.every((byte) => byte === 1)).toBe(true);
  expect(rest).toHaveLength(100_000);
});

test("a buffer that was freed can be freed again", () => {
  const bytes = Buffer.alloc(100_000);
  free(bytes);
  free(bytes);
  expect(bytes).toHaveLength(0);
});

test("shared memory is left alone", () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(100_000)).fill(1);
  free(bytes);
  expect(bytes).toHaveLength(100_000);
});
