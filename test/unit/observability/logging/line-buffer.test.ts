import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLineBuffer } from "../../../../src/observability/logging/line-buffer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function buffering() {
  const written: string[] = [];
  const buffer = createLineBuffer(
    {
      write: (text) => void written.push(text),
      flush(callback) {
        written.push("flush");
        callback();
      },
      flushSync: () => void written.push("flushSync"),
    },
    { mostLength: 10, longestMs: 200 },
  );
  return { buffer, written };
}

test("lines are written together, in order, when the buffer is full", () => {
  const { buffer, written } = buffering();
  buffer.write("one\n");
  buffer.write("two\n");
  expect(written).toEqual([]);
  buffer.write("three\n");
  expect(written).toEqual(["one\ntwo\nthree\n"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("no line stays in the buffer longer than the limit", () => {
  const { buffer, written } = buffering();
  buffer.write("one\n");
  vi.advanceTimersByTime(150);
  buffer.write("two\n");
  vi.advanceTimersByTime(49);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(written).toEqual(["one\ntwo\n"]);
  buffer.write("three\n");
  vi.advanceTimersByTime(200);
  expect(written).toEqual(["one\ntwo\n", "three\n"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("a flush writes the buffered lines first", () => {
  const { buffer, written } = buffering();
  buffer.write("one\n");
  const flushed = vi.fn<() => void>();
  buffer.flush(flushed);
  expect(written).toEqual(["one\n", "flush"]);
  expect(flushed).toHaveBeenCalledOnce();
  buffer.write("two\n");
  buffer.flushSync();
  expect(written).toEqual(["one\n", "flush", "two\n", "flushSync"]);
});
