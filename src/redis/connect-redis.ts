/** The only file that imports ioredis: the connection to Redis. */
import { Redis, type RedisOptions } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import { createConnectionLog } from "./connection-log.ts";
import { silenceDebugOutput, silenceHandshake } from "./quiet-library.ts";
import { parseRedisUrl } from "./url.ts";
import type { LuaScript, RedisCommands } from "./redis-commands.ts";
import { replyWordOf, RedisError, toRedisError } from "./error.ts";
import { createHash } from "node:crypto";

/** Address of Redis and credentials of the gateway. */
export interface RedisSettings {
  /** `redis://host:port/database`, or `rediss://` for TLS. Without user and password. */
  readonly url: string;
  /** ACL user. Default: the user `default` of Redis. */
  readonly username?: string | undefined;
  /** Called for each connection, so that a changed password needs no restart. */
  readonly password?: (() => string | undefined) | undefined;
  /** PEM certificates of authorities that are trusted instead of the system's. */
  readonly ca?: string | undefined;
  /** Prefix of every key. */
  readonly keyPrefix: string;
}

/** Dependencies of the connection. */
export interface RedisDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called for every failed command and every failed attempt to connect. */
  readonly onFault?: ((error: RedisError) => void) | undefined;
}

/** Time limits, in milliseconds. */
const connectTimeoutMs = 500;
const commandTimeoutMs = 200;
const longestBackoffMs = 2_000;
/** A connection without a reply for this time, in milliseconds, is replaced. */
const longestSilenceMs = 800;

/**
 * Connects to Redis in the background and reconnects whenever the connection is lost, every 0.1 to
 * 2 s, without end. Throws a RangeError for an invalid URL. Turns off ioredis' debug output for the
 * process, and its lines on standard error.
 */
export function connectRedis(settings: RedisSettings, deps: RedisDeps): RedisCommands {
  const { clock, random } = deps;
  silenceDebugOutput();
  const faults = createConnectionLog(deps);
  const redis = new Redis({
    ...parseRedisUrl(settings.url, settings.ca),
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...fixedOptions,
    retryStrategy: (attempt) =>
      Math.min(longestBackoffMs, 100 * 2 ** Math.min(attempt - 1, 8)) * (0.5 + 0.5 * random()),
  });
  silenceHandshake(redis, faults.noted);
  // ioredis reads this option for each connection. An exception here would stop reconnecting for
  // good.
  Object.defineProperty(redis.options, "password", {
    get: () => readPassword(settings.password, faults.failed),
  });
  redis.on("error", (error: unknown) => {
    if (!isOfSelect(error)) return faults.failed(toRedisError(error));
    // ioredis would continue in database 0, which may belong to another application.
    faults.failed(new RedisError("REFUSED", false, "SELECT"));
    redis.disconnect(true);
  });
  redis.on("ready", () => {
    if (!isOpen(redis)) return;
    hasFailed = false;
    faults.connected();
  });
  redis.connect().catch(ignore);

  const shaOf = createScriptDigests();
  const prefixed = (key: string): string => settings.keyPrefix + key;
  let silentSince: number | undefined;
  /** Whether the latest command failed. */
  let hasFailed = false;

  function failed(thrown: unknown): RedisError {
    const error = toRedisError(thrown);
    faults.failed(error);
    hasFailed = true;
    if (error.code !== "TIMEOUT") return error;
    silentSince ??= clock.now();
    if (isOpen(redis) && clock.now() - silentSince >= longestSilenceMs) {
      silentSince = undefined;
      redis.disconnect(true);
    }
    return error;
  }

  async function run(script: LuaScript, parts: readonly string[]): Promise<unknown> {
    const [count = "0", ...rest] = parts;
    try {
      return await redis.evalsha(shaOf(script), count, ...rest);
    } catch (error) {
      // Redis loses its scripts on restart, failover and SCRIPT FLUSH.
      if (replyWordOf(error) !== "NOSCRIPT") throw error;
      return redis.eval(script.source, count, ...rest);
    }
  }

  return {
    async eval(script, keys, args) {
      if (!isOpen(redis)) throw failed(new RedisError("UNREACHABLE", false));
      try {
        const parts = [String(keys.length), ...keys.map(prefixed), ...args.map(String)];
        const reply = await run(script, parts);
        silentSince = undefined;
        hasFailed = false;
        return reply;
      } catch (error) {
        throw failed(error);
      }
    },
    async info() {
      if (!isOpen(redis)) throw new RedisError("UNREACHABLE", false);
      try {
        return await redis.info();
      } catch (error) {
        // No failure of the connection: the gateway works without the answer.
        throw toRedisError(error);
      }
    },
    get isReady() {
      return isOpen(redis);
    },
    get isWorking() {
      return isOpen(redis) && !hasFailed;
    },
    close: () => close(redis),
  };
}

const fixedOptions = {
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  disconnectTimeout: 200,
  lazyConnect: true,
  // No command waits for a connection, and none that may have run is sent again.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
  // After a failover the old primary replies READONLY on a connection that still works.
  reconnectOnError: (error: Error) => replyWordOf(error) === "READONLY",
} satisfies RedisOptions;

/** After a rejected `AUTH` ioredis closes the connection, but may report it as ready until then. */
const isOpen = ({ status, stream }: Redis): boolean => status === "ready" && stream.writable;

/** Whether the error is the failed selection of the configured database. */
const isOfSelect = (error: unknown): boolean =>
  error instanceof Error &&
  "command" in error &&
  typeof error.command === "object" &&
  error.command !== null &&
  "name" in error.command &&
  error.command.name === "select" &&
  replyWordOf(error) !== undefined;

const ignore = (): void => {
  // The "error" event has reported it already.
};

function readPassword(
  password: RedisSettings["password"],
  onFault: (error: RedisError) => void,
): string | undefined {
  try {
    return password?.();
  } catch {
    onFault(new RedisError("REFUSED", false, "PASSWORD_UNREADABLE"));
    return undefined;
  }
}

function close(redis: Redis): Promise<void> {
  return new Promise((resolve) => {
    const isConnected = ["connecting", "connect", "ready"].includes(redis.status);
    if (isConnected) redis.once("end", resolve);
    redis.disconnect();
    if (!isConnected) resolve();
  });
}

/** Returns the SHA-1 by which Redis identifies a script; each is computed once. */
function createScriptDigests(): (script: LuaScript) => string {
  const known = new WeakMap<LuaScript, string>();
  return (script) => {
    // Only an identifier: nothing depends on the strength of SHA-1.
    const sha =
      script.sha ?? known.get(script) ?? createHash("sha1").update(script.source).digest("hex");
    known.set(script, sha);
    return sha;
  };
}
