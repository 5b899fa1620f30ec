import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createBoundedSink } from "../../../../src/observability/logging/bounded-sink.ts";
import { createLineBuffer } from "../../../../src/observability/logging/line-buffer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A line buffer before an output that ends its writes when it is told to. */
function sinking() {
  const written: string[] = [];
  const dropped: (readonly [number, string | undefined])[] = [];
  let end: ((error?: NodeJS.ErrnoException) => void) | undefined;
  const sink = createBoundedSink(
    {
      write(text, callback) {
        written.push(text);
        end = callback;
      },
      writeSync: (text) => void written.push(`sync ${text}`),
    },
    {
      mostLength: 20,
      longestFlushMs: 1_000,
      onDropped: (lines, error) => void dropped.push([lines, error?.code]),
      onWritten() {},
    },
  );
  const lines = createLineBuffer(sink, { mostLength: 8, longestMs: 200 });
  return { lines, written, dropped, end: (error?: NodeJS.ErrnoException) => end?.(error) };
}

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code });

test.each(["ENOSPC", "EDQUOT", "EIO", "EFBIG", "EPIPE"])(
  "lines of a write that fails with %s are dropped, and the next ones are written",
  (code) => {
    const { lines, written, dropped, end } = sinking();
    lines.write("one\ntwo\n");
    end(failure(code));
    lines.write("three\n");
    vi.advanceTimersByTime(200);
    end();
    expect(written).toEqual(["one\ntwo\n", "three\n"]);
    expect(dropped).toEqual([[2, code]]);
  },
);

test("lines beyond the bound are dropped while an output takes none", () => {
  const { lines, written, dropped, end } = sinking();
  for (const line of ["one one\n", "two two\n", "three three\n"]) lines.write(line);
  expect(written).toEqual(["one one\n"]);
  expect(dropped).toEqual([[1, undefined]]);
  end();
  expect(written).toEqual(["one one\n", "two two\n"]);
  end();
  lines.write("four four\n");
  expect(written).toEqual(["one one\n", "two two\n", "four four\n"]);
});

test("a flush ends when everything is written", () => {
  const { lines, end } = sinking();
  const flushed = vi.fn<() => void>();
  lines.write("one\n");
  lines.flush(flushed);
  expect(flushed).not.toHaveBeenCalled();
  end();
  expect(flushed).toHaveBeenCalledOnce();
  expect(vi.getTimerCount()).toBe(0);
});

test("a flush ends after its time limit although the output takes nothing", () => {
  const { lines, end } = sinking();
  const flushed = vi.fn<() => void>();
  lines.write("one\n");
  lines.flush(flushed);
  vi.advanceTimersByTime(999);
  expect(flushed).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  end();
  expect(flushed).toHaveBeenCalledOnce();
});
