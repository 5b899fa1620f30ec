/** The error of a Redis command, and its conversion from errors of ioredis. */
import { isTlsFailure } from "../platform/tls-errors.ts";

/** All values of `RedisErrorCode`. */
export const redisErrorCodes = [
  "UNREACHABLE",
  "TLS",
  "TIMEOUT",
  "REFUSED",
  "NOT_SERVING",
  "FAILED",
] as const;

/**
 * Why a command failed.
 *
 * - `UNREACHABLE`: there is no connection, or it broke.
 * - `TLS`: the certificate or host name was not accepted, or the handshake failed.
 * - `TIMEOUT`: no reply arrived in time.
 * - `REFUSED`: the user or password is wrong, or the user has no permission.
 * - `NOT_SERVING`: Redis is loading, out of memory, busy, a replica, or a cluster node without the
 *   key.
 * - `FAILED`: any other error reply, for example a script error.
 */
export type RedisErrorCode = (typeof redisErrorCodes)[number];

/**
 * A failed command. It contains no text from Redis or ioredis other than the first word of the
 * reply. Errors of ioredis carry the arguments of the command, including the password of `AUTH`, so
 * they are not kept as `cause` either. Match on `code`.
 */
export class RedisError extends Error {
  override readonly name = "RedisError";
  readonly code: RedisErrorCode;
  /** Whether the command may have been executed. */
  readonly sent: boolean;
  /**
   * First word of an error reply, such as `NOPERM`, or the code of a connection error, such as
   * `ECONNREFUSED`.
   */
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
  TLS: "the TLS connection to Redis failed",
  TIMEOUT: "Redis did not reply in time",
  REFUSED: "Redis rejected the user or its command",
  NOT_SERVING: "Redis is not serving at the moment",
  FAILED: "Redis replied with an error",
};

/** First words of replies that mean `REFUSED`. */
const refusals: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM"]);
/** First words of replies that mean `NOT_SERVING`. */
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
/** A Redis error code at the start of a reply. A longer first word could be data. */
const replyWord = /^(?:Ready check failed: )?([A-Z]{2,16})(?= |$)/;
const errorCode = /^[A-Z][A-Z0-9_]{2,63}$/;
/** Redis 6.2 and 7.0 report a missing permission of a command inside a script as `ERR`. */
const deniedInScript = /^ERR .*\bThe user executing the script can't /;

/**
 * Returns the first word of an error reply, or `undefined` if `error` is not one. `NOPERM` also
 * stands for a command of a script that the user has no permission for.
 */
export function replyWordOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (deniedInScript.test(error.message)) return "NOPERM";
  return replyWord.exec(error.message)?.[1];
}

/** Converts an error that ioredis threw into a `RedisError`. */
export function toRedisError(error: unknown): RedisError {
  if (error instanceof RedisError) return error;
  if (!(error instanceof Error)) return new RedisError("FAILED", true);
  const { message } = error;
  if (message.endsWith("Command timed out")) return new RedisError("TIMEOUT", true);
  const word = replyWordOf(error);
  if (word !== undefined) {
    // NOPERM may concern a later command of a script that already changed something.
    if (refusals.has(word)) return new RedisError("REFUSED", word === "NOPERM", word);
    // These replies are sent before anything runs, except OOM: a script may run out of memory
    // half-way.
    if (absences.has(word)) return new RedisError("NOT_SERVING", word === "OOM", word);
    return new RedisError("FAILED", true, word);
  }
  const code: unknown = "code" in error ? error.code : undefined;
  if (typeof code === "string" && errorCode.test(code)) {
    return new RedisError(isTlsFailure(code) ? "TLS" : "UNREACHABLE", true, code);
  }
  return new RedisError("UNREACHABLE", !message.startsWith("Stream isn't writeable"));
}
