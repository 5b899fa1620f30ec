import { isTlsFailure } from "../platform/tls-errors.ts";

/**
 * Why Redis gave no answer that can be used.
 *
 * - `UNREACHABLE`: there is no connection, or it broke.
 * - `TLS`: the certificate or host name was not accepted, or no protocol was agreed on.
 * - `TIMEOUT`: no answer in time.
 * - `REFUSED`: the user or password is wrong, or the user may not do this.
 * - `NOT_SERVING`: Redis is loading, full, busy, a replica, or a part of a cluster that does not have the key.
 * - `FAILED`: any other error reply, such as that of a script.
 */
export type RedisErrorCode =
  | "UNREACHABLE"
  | "TLS"
  | "TIMEOUT"
  | "REFUSED"
  | "NOT_SERVING"
  | "FAILED";

/**
 * A command that failed. Holds nothing that Redis or its client library wrote but the first word of the reply: the library's errors carry the
 * arguments of the command, the password of `AUTH` among them, so they are not kept as a cause either. Match on `code`.
 */
export class RedisError extends Error {
  override readonly name = "RedisError";
  readonly code: RedisErrorCode;
  /** Whether the command may have been carried out. */
  readonly sent: boolean;
  /** First word of an error reply, such as `NOPERM`, or the name of a failure of the connection, such as `ECONNREFUSED`. */
  readonly reason: string | undefined;

  constructor(code: RedisErrorCode, sent: boolean, reason?: string) {
    super(reason === undefined ? texts[code] : `${texts[code]} (${reason})`);
    this.code = code;
    this.sent = sent;
    this.reason = reason;
  }
}

const texts: Readonly<Record<RedisErrorCode, string>> = {
  UNREACHABLE: "Redis cannot be reached",
  TLS: "Redis is not trusted",
  TIMEOUT: "Redis did not answer in time",
  REFUSED: "Redis refuses the user or what it asks for",
  NOT_SERVING: "Redis serves nothing at present",
  FAILED: "Redis answered with an error",
};

const refusals: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM"]);
const absences: ReadonlySet<string> = new Set([
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "NOREPLICAS",
  "BUSY",
  "OOM",
  "MISCONF",
  "MOVED",
  "ASK",
  "TRYAGAIN",
  "CLUSTERDOWN",
]);
/** Redis' own error codes; a longer or other first word could be somebody's text. */
const replyWord = /^(?:Ready check failed: )?([A-Z]{2,16})(?= |$)/;
const errorCode = /^[A-Z][A-Z0-9_]{2,63}$/;

/** The first word of an error reply, if `error` is one. */
export function replyWordOf(error: unknown): string | undefined {
  return error instanceof Error ? replyWord.exec(error.message)?.[1] : undefined;
}

/** Says in the gateway's words what the client library threw. */
export function toRedisError(error: unknown): RedisError {
  if (error instanceof RedisError) return error;
  if (!(error instanceof Error)) return new RedisError("FAILED", true);
  const { message } = error;
  if (message.endsWith("Command timed out")) return new RedisError("TIMEOUT", true);
  const word = replyWordOf(error);
  if (word !== undefined) {
    // A script may be refused something after it has done something else.
    if (refusals.has(word)) return new RedisError("REFUSED", word === "NOPERM", word);
    // A server that is not serving says so before it runs anything, except that a script may run out of memory half-way.
    if (absences.has(word)) return new RedisError("NOT_SERVING", word === "OOM", word);
    return new RedisError("FAILED", true, word);
  }
  const code: unknown = "code" in error ? error.code : undefined;
  if (typeof code === "string" && errorCode.test(code)) {
    return new RedisError(isTlsFailure(code) ? "TLS" : "UNREACHABLE", true, code);
  }
  return new RedisError("UNREACHABLE", !message.startsWith("Stream isn't writeable"));
}
