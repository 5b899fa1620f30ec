/** The gateway's logger: pino, with redaction, ISO time and buffered output. */
import { pino } from "pino";
import type { DestinationStream, LevelWithSilent, Logger } from "pino";
import { redactSecrets } from "./redact.ts";
import { createSourceFrames } from "./source-frames.ts";
import { openStandardOutput } from "./standard-output.ts";

/** Settings of the logger. */
export interface LoggerOptions {
  readonly level: LevelWithSilent;
  /**
   * Where lines go. Default: standard output, buffered for at most 200 ms; `logger.flush()` empties
   * the buffer.
   */
  readonly destination?: DestinationStream | undefined;
}

/**
 * Creates the function that writes the field `time`, in ISO 8601 with milliseconds. All but the
 * milliseconds is formatted once a second. A `Date` and its text for each line would be a tenth of
 * the cost of a line.
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
 * Creates the gateway's logger: JSON lines with ISO time. Every field of every line passes
 * `redactSecrets`. Calls use no child loggers; their lines have the correlation ID as a field.
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
      // `redactSecrets` has turned errors into plain objects by then.
      serializers: { err: createSourceFrames() },
      hooks: {
        // pino gives a line without a message the message of its error, which may contain anything.
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
    sink ?? openStandardOutput(),
  );
  // pino applies no formatter to the bindings of a child logger.
  // oxlint-disable-next-line typescript/unbound-method -- called with its `this` below
  const bare = logger.child;
  logger.child = function (bindings, options) {
    return Reflect.apply(bare, this, [redactSecrets(bindings), options]);
  };
  return logger;
}
