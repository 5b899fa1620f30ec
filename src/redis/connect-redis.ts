/** The one door to Redis. */
import { Redis, type RedisOptions } from "ioredis";
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import { createConnectionLog } from "./connection-log.ts";
import { parseRedisUrl } from "./redis-url.ts";
import type { LuaScript, RedisCommands } from "./redis-commands.ts";
import { replyWordOf, RedisError, toRedisError } from "./redis-error.ts";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";

/** Where Redis is and who the gateway is to it. */
export interface RedisSettings {
  /** `redis://host:port/database`, or `rediss://` for TLS. Without user and password. */
  readonly url: string;
  /** ACL user. Default: Redis' user `default`. */
  readonly username?: string | undefined;
  /** Asked anew for each connection, so that a changed password needs no restart. */
  readonly password?: (() => string | undefined) | undefined;
  /** PEM certificates trusted instead of the system's. */
  readonly ca?: string | undefined;
  /** Put in front of every key. */
  readonly keyPrefix: string;
}

/** What the connection is kept with. */
export interface RedisDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Told of every failed command and every failed attempt to connect. */
  readonly onFault?: ((error: RedisError) => void) | undefined;
}

const connectTimeoutMs = 500;
const commandTimeoutMs = 200;
const longestBackoffMs = 2_000;
/** A connection on which nothing has been answered for so long is replaced. */
const longestSilenceMs = 800;

/**
 * Connects to Redis in the background, for as long as it takes and again whenever the connection is lost: every 0.1 to 2 s.
 * Throws a RangeError for a URL that it cannot use. ioredis' debug output is turned off for the process.
 */
export function connectRedis(settings: RedisSettings, deps: RedisDeps): RedisCommands {
  const { clock, random } = deps;
  silenceIoredis();
  const faults = createConnectionLog(deps);
  const redis = new Redis({
    ...parseRedisUrl(settings.url, settings.ca),
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...fixedOptions,
    retryStrategy: (attempt) =>
      Math.min(longestBackoffMs, 100 * 2 ** Math.min(attempt - 1, 8)) * (0.5 + 0.5 * random()),
  });
  // ioredis reads this option each time it connects, in a place where an exception would keep it from ever connecting again.
  Object.defineProperty(redis.options, "password", {
    get: () => readPassword(settings.password, faults.failed),
  });
  redis.on("error", (error: unknown) => {
    if (!isOfSelect(error)) return faults.failed(toRedisError(error));
    // ioredis would go on, in database 0, which may be somebody else's.
    faults.failed(new RedisError("REFUSED", false, "SELECT"));
    redis.disconnect(true);
  });
  redis.on("ready", () => {
    if (isOpen(redis)) faults.connected();
  });
  redis.connect().catch(ignore);

  const shaOf = createScriptDigests();
  const prefixed = (key: string): string => settings.keyPrefix + key;
  let silentSince: number | undefined;

  function failed(thrown: unknown): RedisError {
    const error = toRedisError(thrown);
    faults.failed(error);
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
      // Redis forgets scripts when it is restarted, fails over or is told to.
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
        return reply;
      } catch (error) {
        throw failed(error);
      }
    },
    get isReady() {
      return isOpen(redis);
    },
    close: () => close(redis),
  };
}

const fixedOptions = {
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  disconnectTimeout: 200,
  lazyConnect: true,
  // Nothing waits for a connection, and nothing that may have run is run again.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
  // After a failover the old primary answers so, on a connection that looks well.
  reconnectOnError: (error: Error) => replyWordOf(error) === "READONLY",
} satisfies RedisOptions;

/** After a refused `AUTH` ioredis closes the connection, but may call it ready until it is closed. */
const isOpen = ({ status, stream }: Redis): boolean => status === "ready" && stream.writable;

/** Whether the database that was asked for could not be had. */
const isOfSelect = (error: unknown): boolean =>
  error instanceof Error &&
  "command" in error &&
  typeof error.command === "object" &&
  error.command !== null &&
  "name" in error.command &&
  error.command.name === "select" &&
  replyWordOf(error) !== undefined;

const ignore = (): void => {
  // Told by the "error" event already.
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

/** Gives the names under which Redis knows scripts; each is worked out once. */
function createScriptDigests(): (script: LuaScript) => string {
  const known = new WeakMap<LuaScript, string>();
  return (script) => {
    // Redis names scripts by SHA-1; nothing is protected by it.
    const sha =
      script.sha ?? known.get(script) ?? createHash("sha1").update(script.source).digest("hex");
    known.set(script, sha);
    return sha;
  };
}

interface DebugSwitch {
  /** Turns all output off and says what was on. */
  disable(): string;
  enable(namespaces: string): void;
}

const isDebugSwitch = (value: unknown): value is DebugSwitch =>
  typeof value === "function" && "disable" in value && "enable" in value;

/**
 * Silences ioredis' debug output, for the process: with `DEBUG=ioredis:*` or `DEBUG=*` in the environment it prints every command with its
 * arguments to standard error, and so the password of `AUTH`. Whatever else `DEBUG` turns on stays on.
 */
function silenceIoredis(): void {
  // The very copy of the module that ioredis loads, wherever the package manager has put it.
  const requireHere = createRequire(import.meta.url);
  const debug: unknown = createRequire(requireHere.resolve("ioredis"))("debug");
  if (!isDebugSwitch(debug)) throw new TypeError("ioredis' debug output cannot be turned off");
  const namespaces = debug.disable();
  if (namespaces !== "") debug.enable(`${namespaces},-ioredis:*`);
}
