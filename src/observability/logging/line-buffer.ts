/**
 * A buffer for log lines. pino's own buffer copies its whole content with each line that is added.
 */

/** A destination of text, such as pino's `destination`. */
export interface TextSink {
  write(text: string): unknown;
  /** Calls back when everything written so far has left the process. */
  flush(callback: (error?: Error) => void): void;
  /** Flushes synchronously; for the end of a process. */
  flushSync(): void;
}

/** Limits of the buffer. */
export interface LineBufferOptions {
  /** The buffer is written at this many characters. */
  readonly mostLength: number;
  /** The buffer is written this many milliseconds after its first line. */
  readonly longestMs: number;
}

/** Creates a buffer in front of a sink. Flush it before the process ends. */
export function createLineBuffer(sink: TextSink, options: LineBufferOptions): TextSink {
  const { mostLength, longestMs } = options;
  let lines = "";
  let timer: NodeJS.Timeout | undefined;

  const writeBuffer = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (lines === "") return;
    const text = lines;
    lines = "";
    sink.write(text);
  };
  return {
    write(line) {
      lines += line;
      if (lines.length >= mostLength) writeBuffer();
      else timer ??= setTimeout(writeBuffer, longestMs).unref();
    },
    flush(callback) {
      writeBuffer();
      sink.flush(callback);
    },
    flushSync() {
      writeBuffer();
      sink.flushSync();
    },
  };
}
