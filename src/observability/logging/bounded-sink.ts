/** A sink with a bounded queue, in front of an output that may fail or take nothing. */
import type { TextSink } from "./line-buffer.ts";

/** An output of text. */
export interface TextOutput {
  /** Writes, then calls back; with the error if not all of the text could be written. */
  write(text: string, callback: (error?: NodeJS.ErrnoException) => void): void;
  /** Writes at once what can be written without waiting; for the end of a process. */
  writeSync(text: string): void;
}

/** Limits of the sink, and its observer. */
export interface BoundedSinkOptions {
  /** At most this many characters wait for the output. Further lines are dropped. */
  readonly mostLength: number;
  /** A flush calls back after this many milliseconds even if lines still wait. */
  readonly longestFlushMs: number;
  /** Lines were dropped: because of `error`, or because the queue was full. */
  onDropped(lines: number, error: NodeJS.ErrnoException | undefined): void;
  /** The output took everything that it was given. */
  onWritten(): void;
}

const countLines = (text: string): number => text.split("\n").length - 1;

/** Creates a sink that drops lines instead of failing, waiting for ever or growing for ever. */
export function createBoundedSink(output: TextOutput, options: BoundedSinkOptions): TextSink {
  const { mostLength, longestFlushMs } = options;
  let queued = "";
  let lengthAtOutput = 0;
  let isWriting = false;
  const flushes = new Set<() => void>();

  const writeQueue = (): void => {
    if (isWriting) return;
    if (queued === "") {
      for (const flushed of flushes) flushed();
      return;
    }
    const text = queued;
    queued = "";
    lengthAtOutput = text.length;
    isWriting = true;
    output.write(text, (error) => {
      isWriting = false;
      lengthAtOutput = 0;
      if (error === undefined) options.onWritten();
      else options.onDropped(countLines(text), error);
      writeQueue();
    });
  };
  return {
    write(text) {
      if (queued.length + lengthAtOutput + text.length > mostLength) {
        options.onDropped(countLines(text), undefined);
        return;
      }
      queued += text;
      writeQueue();
    },
    flush(callback) {
      const flushed = (): void => {
        clearTimeout(timer);
        flushes.delete(flushed);
        callback();
      };
      const timer = setTimeout(flushed, longestFlushMs);
      flushes.add(flushed);
      writeQueue();
    },
    flushSync() {
      const text = queued;
      queued = "";
      output.writeSync(text);
    },
  };
}
