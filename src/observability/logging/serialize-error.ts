/** Errors as they may appear in a log. An allow-list: properties not named here are dropped. */

/** An error reduced to the properties that hold no secrets. */
export interface LoggedError {
  readonly name: string;
  readonly code?: string | number;
  readonly message?: string;
  readonly reason?: string;
  readonly end?: string;
  readonly sent?: boolean;
  readonly httpStatus?: number;
  readonly upstreamReasons?: readonly string[];
  readonly frames?: readonly string[];
  readonly errors?: readonly LoggedError[];
  readonly cause?: LoggedError;
}

/** Errors whose messages the gateway wrote. Messages of other errors may quote their input. */
const ownNames: ReadonlySet<string> = new Set([
  "StatusError",
  "UpstreamError",
  "KeyProtectError",
  "CallEnded",
  "ConfigError",
  "ListenError",
  "SetupError",
  "StoreError",
  "RedisError",
  "ProxyError",
  "TokenExchangeError",
]);

/** The most errors of a chain of causes, the first included. */
const maxDepth = 4;
const maxFrames = 16;
const maxErrors = 4;

const identifier = /^[A-Za-z_$][\w$]{0,63}$/;
const upstreamCode = /^[A-Z][A-Z0-9_]{0,63}$/;
/** A line of a stack as V8 writes it. Lines of a message that look similar do not match. */
const frame = /^ {4}at (?:[^\n]+ \()?[^()\n]*(?::\d+:\d+|<anonymous>|native)\)?$/;

function framesOf(error: Error): string[] {
  const { stack, message } = error;
  if (typeof stack !== "string") return [];
  // The message precedes the frames and may have several lines.
  const end = message === "" ? -1 : stack.indexOf(message);
  const frames = end < 0 ? stack : stack.slice(end + message.length);
  return frames
    .split("\n")
    .filter((line) => frame.test(line))
    .slice(0, maxFrames)
    .map((line) => line.trim());
}

function property(error: Error, name: string): unknown {
  return name in error ? Reflect.get(error, name) : undefined;
}

function codesOf(reasons: unknown): string[] {
  if (!Array.isArray(reasons)) return [];
  return reasons.flatMap((reason: unknown) =>
    typeof reason === "object" &&
    reason !== null &&
    "code" in reason &&
    typeof reason.code === "string" &&
    upstreamCode.test(reason.code)
      ? [reason.code]
      : [],
  );
}

function ownFacts(error: Error): Partial<LoggedError> {
  const reason = property(error, "reason");
  const end = property(error, "end");
  const sent = property(error, "sent");
  const httpStatus = property(error, "httpStatus");
  const upstreamReasons = codesOf(property(error, "reasons"));
  return {
    message: error.message,
    ...(typeof reason === "string" ? { reason } : {}),
    ...(typeof end === "string" ? { end } : {}),
    ...(typeof sent === "boolean" ? { sent } : {}),
    ...(typeof httpStatus === "number" ? { httpStatus } : {}),
    ...(upstreamReasons.length > 0 ? { upstreamReasons } : {}),
  };
}

function foreignFacts(error: Error, depth: number): Partial<LoggedError> {
  const errors = property(error, "errors");
  return {
    frames: framesOf(error),
    ...(Array.isArray(errors) && depth < maxDepth
      ? { errors: errors.slice(0, maxErrors).map((each) => serialize(each, depth + 1)) }
      : {}),
  };
}

function serialize(error: unknown, depth: number): LoggedError {
  if (!(error instanceof Error)) return { name: `thrown ${typeof error}` };
  const { name, cause } = error;
  const code = property(error, "code");
  return {
    name: typeof name === "string" && identifier.test(name) ? name : "Error",
    ...(typeof code === "number" || (typeof code === "string" && identifier.test(code))
      ? { code }
      : {}),
    ...(ownNames.has(name) ? ownFacts(error) : foreignFacts(error, depth)),
    ...(cause === undefined || depth >= maxDepth ? {} : { cause: serialize(cause, depth + 1) }),
  };
}

/**
 * Reduces a thrown value for the log. The gateway's own errors keep their message, code and the
 * facts listed in `LoggedError`. Other errors keep their name, code and stack frames, without the
 * message. The same holds for causes, four errors deep. Never throws.
 */
export function serializeError(error: unknown): LoggedError {
  try {
    return serialize(error, 1);
  } catch {
    // A getter or a proxy threw.
    return { name: "unreadable error" };
  }
}
