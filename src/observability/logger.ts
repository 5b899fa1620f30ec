import { destination, pino, stdTimeFunctions } from "pino";
import type { DestinationStream, LevelWithSilent, Logger } from "pino";
import { redactSecrets } from "./redact.ts";

/** How to log. */
export interface LoggerOptions {
  readonly level: LevelWithSilent;
  /** Where lines go. Default: standard output, buffered for at most a fifth of a second; `logger.flush()` empties it. */
  readonly destination?: DestinationStream | undefined;
}

/** Writes at exit what is buffered; until then a call does not wait for a system call per line. */
const standardOutput = (): DestinationStream =>
  destination({ dest: 1, sync: false, minLength: 4_096, periodicFlush: 200 });

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
      timestamp: stdTimeFunctions.isoTime,
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
