/** Log lines are handed on many at a time: pino's own buffer copies all that it holds with each line that is added. */

/** Where text goes; pino's destination is one. */
export interface TextSink {
  write(text: string): unknown;
  /** Calls back when all that was written has left the process. */
  flush(callback: (error?: Error) => void): void;
  /** The same before it returns; for the end of a process. */
  flushSync(): void;
}

/** How long lines may be kept. */
export interface LineBufferOptions {
  /** With so many characters they are handed on. */
  readonly mostLength: number;
  /** So many milliseconds after the first of them they are handed on. */
  readonly longestMs: number;
}

/** Collects lines for a sink. What is left when a process ends has to be flushed. */
export function createLineBuffer(sink: TextSink, options: LineBufferOptions): TextSink {
  const { mostLength, longestMs } = options;
  let lines = "";
  let timer: NodeJS.Timeout | undefined;

  const handOn = (): void => {
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
      if (lines.length >= mostLength) handOn();
      else timer ??= setTimeout(handOn, longestMs).unref();
    },
    flush(callback) {
      handOn();
      sink.flush(callback);
    },
    flushSync() {
      handOn();
      sink.flushSync();
    },
  };
}
