/**
 * Standard output as the destination of the log. It may be full, closed, or read by nothing: the
 * gateway serves on, drops lines, counts them, and says so on standard error.
 */
import { fstatSync, write, writeSync } from "node:fs";
import { createBoundedSink, type TextOutput } from "./bounded-sink.ts";
import { createLineBuffer, type TextSink } from "./line-buffer.ts";

const fd = 1;
const retryMs = 5;
const longestFlushMs = 1_000;
const quietMs = 60_000;

let dropped = 0;

/** The number of log lines that standard output did not take. */
export const droppedLogLines = (): number => dropped;

const isBusy = (code: string | undefined): boolean =>
  code === "EAGAIN" || code === "EBUSY" || code === "EINTR";

function toErrno(error: unknown): NodeJS.ErrnoException {
  return error instanceof Error ? error : new Error("a write failed");
}

/** Writes what can be written without waiting and returns the rest. */
function writeSome(bytes: Buffer): Buffer {
  let rest = bytes;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch (error) {
    if (!isBusy(toErrno(error).code)) throw error;
  }
  return rest;
}

const newline = 10;

/**
 * An output for pipes and sockets, which must not block. `fs.write` would block a thread, and the
 * end of a process waits for its threads.
 */
function createPipeOutput(): TextOutput {
  // Puts the descriptor into non-blocking mode.
  process.stdout.on("error", () => {});
  let pending: Buffer | undefined;
  const writeRest = (callback: (error?: NodeJS.ErrnoException) => void): void => {
    if (pending === undefined) return;
    try {
      const rest = writeSome(pending);
      pending = rest.length === 0 ? undefined : rest;
    } catch (error) {
      pending = undefined;
      callback(toErrno(error));
      return;
    }
    if (pending === undefined) callback();
    else setTimeout(() => writeRest(callback), retryMs).unref();
  };
  return {
    write(text, callback) {
      pending = Buffer.from(text);
      writeRest(callback);
    },
    writeSync(text) {
      const rest = Buffer.concat([pending ?? Buffer.alloc(0), Buffer.from(text)]);
      pending = undefined;
      writeSome(rest);
    },
  };
}

/** An output for files and devices, whose writes may take time. */
function createFileOutput(): TextOutput {
  let isWriting = false;
  let isInLine = false;
  const writeRest = (rest: Buffer, callback: (error?: NodeJS.ErrnoException) => void): void => {
    isWriting = true;
    write(fd, rest, (error, count) => {
      isWriting = false;
      if (error !== null) {
        if (isBusy(error.code)) setTimeout(() => writeRest(rest, callback), retryMs).unref();
        else callback(error);
        return;
      }
      if (count > 0) isInLine = rest[count - 1] !== newline;
      if (count < rest.length) writeRest(rest.subarray(count), callback);
      else callback();
    });
  };
  return {
    write(text, callback) {
      // After a write that failed in the middle of a line.
      writeRest(Buffer.from(isInLine ? `\n${text}` : text), callback);
    },
    writeSync(text) {
      // While a write hangs, another one would hang too.
      if (!isWriting) writeSome(Buffer.from(text));
    },
  };
}

function createOutput(): TextOutput {
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() || stat.isSocket() ? createPipeOutput() : createFileOutput();
  } catch {
    // It is closed; each write will fail.
    return createFileOutput();
  }
}

/**
 * Returns standard output, buffered, so that no call waits for a system call per line. Flushed when
 * the process ends.
 */
export function openStandardOutput(): TextSink {
  let saidAt = Number.NEGATIVE_INFINITY;
  let isFailing = false;
  process.stderr.on("error", () => {});
  const sink = createBoundedSink(createOutput(), {
    mostLength: 4 * 1_048_576,
    longestFlushMs,
    onDropped(lines, error) {
      dropped += lines;
      const now = performance.now();
      // A fault that goes on is said once, and one that comes and goes once a minute.
      if (isFailing || now - saidAt < quietMs) return;
      isFailing = true;
      saidAt = now;
      const why = error === undefined ? "it is not read" : (error.code ?? "a write failed");
      process.stderr.write(`log lines are dropped: standard output takes none (${why})\n`);
    },
    onWritten() {
      isFailing = false;
    },
  });
  const lines = createLineBuffer(sink, { mostLength: 12_288, longestMs: 200 });
  process.once("exit", () => {
    try {
      lines.flushSync();
    } catch {
      // The last lines are lost. Nothing can be done about it now.
    }
  });
  return lines;
}
