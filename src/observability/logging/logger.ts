import { destination, pino } from "pino";
import type { DestinationStream, LevelWithSilent, Logger } from "pino";
import { createLineBuffer } from "./line-buffer.ts";
import { redactSecrets } from "./redact.ts";

/** How to log. */
export interface LoggerOptions {
  readonly level: LevelWithSilent;
  /** Where lines go. Default: standard output, buffered for at most a fifth of a second; `logger.flush()` empties it. */
  readonly destination?: DestinationStream | undefined;
}

/** Writes at exit what is buffered; until then a call does not wait for a system call per line. */
function standardOutput(): DestinationStream {
  const sink = destination({ dest: 1, sync: false });
  const lines = createLineBuffer(sink, { mostLength: 12_288, longestMs: 200 });
  process.once("exit", () => lines.flushSync());
  return lines;
}

/**
 * The member `time` of a line, as ISO 8601 with milliseconds. All but these is written once a second: a `Date` and its
 * text for each line would be a tenth of what a line costs.
 */
function createIsoTime(): () => string {
  let second = Number.NaN;
  let upToSecond = "";
  return () => {
    const now = Date.now();
    const present = Math.floor(now / 1_000);
    if (present !== second) {
      second = present;
      upToSecond = `,"time":"${new Date(now).toISOString().slice(0, -"000Z".length)}`;
    }
    return `${upToSecond}${String(now - present * 1_000).padStart(3, "0")}Z"`;
  };
}

const isError = (value: unknown): boolean => value instanceof Error;

/**
 * The gateway's one logger: JSON lines with ISO time. Every field of every line passes `redactSecrets`. There are no
 * child loggers on the way of a call: lines carry the correlation ID themselves.
 */
export function createLogger({ level, destination: sink }: LoggerOptions): Logger {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: createIsoTime(),
      formatters: {
        level: (label) => ({ level: label }),
        log: redactSecrets,
      },
      // Errors are plain objects by the time pino would serialize them.
      serializers: { err: (reduced: unknown) => reduced },
      hooks: {
        // Without a text of its own a line gets that of its error from pino, and that text may be anybody's.
        logMethod(inputs, method) {
          const [fields, text] = inputs;
          if (text === undefined && typeof fields === "object" && fields !== null) {
            const line = isError(fields) ? { err: fields } : fields;
            method.call(this, line, "err" in line ? "unexpected error" : "");
          } else {
            method.apply(this, inputs);
          }
        },
      },
    },
    sink ?? standardOutput(),
  );
  // pino applies no formatter to what a child is bound to.
  // oxlint-disable-next-line typescript/unbound-method -- called with its `this` below
  const bare = logger.child;
  logger.child = function (bindings, options) {
    return Reflect.apply(bare, this, [redactSecrets(bindings), options]);
  };
  return logger;
}
