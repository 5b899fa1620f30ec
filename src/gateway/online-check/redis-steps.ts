/** The steps of asking Redis: connection, user, version, and what it does with its data. */
import type { Config } from "../../config/config.ts";
import { risksOf } from "../../idempotency-store/record-watch.ts";
import type { Clock } from "../../platform/clock.ts";
import { sleep } from "../../platform/sleep.ts";
import { RedisError, type RedisErrorCode } from "../../redis/error.ts";
import type { RedisCommands } from "../../redis/redis-commands.ts";
import { failed, ok, type PlannedStep, type StepResult, skipped } from "./report.ts";

/** A connection to Redis that is being set up. */
export interface RedisProbe {
  readonly commands: RedisCommands;
  /** The newest failure of the connection. */
  readonly fault: () => RedisError | undefined;
}

/** Longest wait for the connection, and the pause between two looks, in milliseconds. */
const connectMs = 3_000;
const lookMs = 50;

/** Plans the steps. They read, and run one script that does nothing. */
export function planRedisSteps(
  { commands, fault }: RedisProbe,
  { requestIds }: Pick<Config, "requestIds">,
  clock: Clock,
): PlannedStep[] {
  let info: string | undefined;
  const keepsRecords = requestIds.store === "redis";
  return [
    {
      name: "connection and user",
      run: async () => {
        const end = clock.now() + connectMs;
        while (!commands.isReady && clock.now() < end && fault()?.code !== "REFUSED") {
          await sleep(lookMs, AbortSignal.timeout(connectMs), clock);
        }
        return commands.isReady ? ok("connected") : faultResult(fault());
      },
    },
    {
      name: "right to run scripts",
      run: async () => {
        try {
          await commands.eval({ source: "return 1" }, [], []);
          return ok("a script ran");
        } catch (error) {
          if (!(error instanceof RedisError)) throw error;
          return faultResult(error);
        }
      },
    },
    {
      name: "version",
      isNeeded: false,
      run: async () => {
        try {
          info = await commands.info();
        } catch (error) {
          if (!(error instanceof RedisError)) throw error;
          return skipped(`Redis does not answer INFO (${error.reason ?? error.code})`);
        }
        return versionResult(/^redis_version:(\S+)/m.exec(info)?.[1] ?? "");
      },
    },
    {
      name: "append-only file",
      isNeeded: false,
      run: () => persistenceResult(info, keepsRecords),
    },
    { name: "eviction", run: () => evictionResult(info, keepsRecords) },
  ];
}

const unreachable =
  "check host and port in GATEWAY_REDIS_URL, the DNS and the network policy; Redis is never reached through a proxy";

const remedies: Readonly<Record<RedisErrorCode, string>> = {
  REFUSED:
    "check GATEWAY_REDIS_USERNAME and the password, and give the user the rights in docs/operations.md (Redis)",
  TLS: "set GATEWAY_REDIS_CA_FILE to the authority of its certificate, and use the name in that certificate; `redis://` and `rediss://` have different ports",
  NOT_SERVING: "wait until Redis has loaded its data; use the primary, not a replica",
  UNREACHABLE: unreachable,
  TIMEOUT: unreachable,
  FAILED: "look into the log of Redis; the gateway needs Redis 6.2 or later",
};

const faultResult = (error: RedisError | undefined): StepResult =>
  failed(error?.message ?? "Redis does not answer", remedies[error?.code ?? "UNREACHABLE"]);

/** The lowest version that has what the scripts use. */
const lowest = [6, 2] as const;

function versionResult(version: string): StepResult {
  const [major = Number.NaN, minor = 0] = version.split(".").map(Number);
  if (Number.isNaN(major)) return skipped("Redis does not tell its version");
  const isEnough = major > lowest[0] || (major === lowest[0] && minor >= lowest[1]);
  return isEnough
    ? ok(version)
    : failed(`Redis ${version} is too old`, `use Redis ${lowest.join(".")} or later`);
}

function persistenceResult(info: string | undefined, keepsRecords: boolean): StepResult {
  if (!keepsRecords) return skipped("only leases are kept there, which may be lost");
  const { unpersisted } = risksOf(info ?? "");
  if (unpersisted === undefined) return skipped("Redis does not tell");
  return unpersisted
    ? failed(
        "it is off: a restart of Redis loses records of request IDs, and a key can be created twice",
        "set `appendonly yes`",
      )
    : ok("it is on");
}

function evictionResult(info: string | undefined, keepsRecords: boolean): StepResult {
  if (!keepsRecords) return skipped("only leases are kept there, which may be lost");
  const { evicted } = risksOf(info ?? "");
  if (evicted === undefined) return skipped("Redis does not tell");
  return evicted
    ? failed(
        "Redis evicts keys when its memory is full, also records of request IDs",
        "set `maxmemory-policy noeviction`",
      )
    : ok("Redis keeps what it has");
}
