/** The part of the schema that says how much is sent to Key Protect, what waits, and what is tried again. */
import { group, optionalSetting, setting } from "./setting.ts";
import { kinds } from "./value-kinds.ts";

/** Settings of one instance: how its quota is kept. */
export const rateSettings = {
  rateMode: setting(kinds.choice(["auto", "adaptive", "down-only", "fixed", "off"]), {
    env: "GATEWAY_RATE_MODE",
    isShared: true,
    fallback: "auto",
    meaning:
      "How the quota is kept. `adaptive` finds it: nothing is paced until Key Protect answers 429, then the rate is held and raised with care. `down-only` starts at `rateCeiling`, goes down after 429 and comes back. `fixed` sends at `rateCeiling` whatever is answered. `off` bounds nothing but the connections. `auto`: `down-only` with a ceiling, `adaptive` without.",
  }),
  rateCeiling: optionalSetting(kinds.integer(1, 100_000), {
    env: "GATEWAY_RATE_CEILING",
    isShared: true,
    meaning:
      "Quota of the instance in requests per second, for all replicas together. Calls queue, fairly, for 98.5 % of it.",
  }),
  rateInitial: optionalSetting(kinds.integer(1, 100_000), {
    env: "GATEWAY_RATE_INITIAL",
    isShared: true,
    meaning:
      "Where `adaptive` starts, in requests per second, to grow by a quarter every two seconds; if not set, unpaced until the first 429.",
  }),
  rateLongestHoldMs: setting(kinds.integer(20_000, 3_600_000), {
    env: "GATEWAY_RATE_LONGEST_HOLD_MS",
    isShared: true,
    fallback: 300_000,
    meaning:
      "Longest time between two tries of a higher rate. Shorter finds a grown quota sooner, at the price of more 429s.",
  }),
};

/** Settings of the whole gateway. */
export const overloadSettings = {
  queue: group({
    maxCalls: setting(kinds.integer(1, 1_000_000), {
      env: "GATEWAY_QUEUE_MAX_CALLS",
      fallback: 2_048,
      meaning: "Most calls that wait for one instance.",
    }),
    maxWorkMs: setting(kinds.integer(1, 60_000), {
      env: "GATEWAY_QUEUE_MAX_WORK_MS",
      fallback: 2_000,
      meaning:
        "Most work that waits for one instance, as time at the present rate; the lesser of this and `maxCalls` holds.",
    }),
    maxCallerPercent: setting(kinds.integer(1, 100), {
      env: "GATEWAY_QUEUE_MAX_CALLER_PERCENT",
      fallback: 60,
      meaning: "Part of the queue that one caller may fill.",
    }),
  }),
  retry: group({
    maxAttempts: setting(kinds.integer(1, 5), {
      env: "GATEWAY_RETRY_MAX_ATTEMPTS",
      fallback: 3,
      meaning: "Most attempts of one call; 1: nothing is tried again.",
    }),
    budgetPercent: setting(kinds.integer(0, 100), {
      env: "GATEWAY_RETRY_BUDGET_PERCENT",
      fallback: 10,
      meaning:
        "What repeats may add to the load of a host in the long run, beside a store of 50 and one per second.",
    }),
  }),
  breaker: group({
    enabled: setting(kinds.flag, {
      env: "GATEWAY_BREAKER",
      fallback: true,
      meaning: "Whether Key Protect is left alone for a while when it fails.",
    }),
    failurePercent: setting(kinds.integer(1, 99), {
      env: "GATEWAY_BREAKER_FAILURE_PERCENT",
      fallback: 50,
      meaning: "The circuit opens when a larger part of the requests failed.",
    }),
    minimumRequests: setting(kinds.integer(1, 10_000), {
      env: "GATEWAY_BREAKER_MINIMUM_REQUESTS",
      fallback: 20,
      meaning: "The circuit stays closed with fewer requests in the window.",
    }),
    resetMs: setting(kinds.integer(100, 600_000), {
      env: "GATEWAY_BREAKER_RESET_MS",
      fallback: 5_000,
      meaning:
        "Length of the window, and time from opening to the first probe, for wraps and unwraps; twice that for all else.",
    }),
    longestResetMs: setting(kinds.integer(100, 3_600_000), {
      env: "GATEWAY_BREAKER_LONGEST_RESET_MS",
      fallback: 60_000,
      meaning: "The time to the next probe doubles with each that fails, up to this.",
    }),
  }),
  coalesce: group({
    reads: setting(kinds.flag, {
      env: "GATEWAY_COALESCE_READS",
      fallback: true,
      meaning:
        "Whether identical reads that are under way at the same time share one request to Key Protect: of a key, its policies, the number of keys, the lockers.",
    }),
    unwraps: setting(kinds.flag, {
      env: "GATEWAY_COALESCE_UNWRAPS",
      fallback: true,
      meaning: "The same for unwraps of one ciphertext with the same additional data.",
    }),
  }),
  requestIds: group({
    store: setting(kinds.choice(["none", "memory", "redis"]), {
      env: "GATEWAY_REQUEST_ID_STORE",
      fallback: "none",
      meaning:
        "Where the `request_id`s of CreateKey and RotateKey are kept: `memory` for one replica, `redis` for several; `none` refuses calls that carry one.",
    }),
    keepMs: setting(kinds.integer(60_000, 2_592_000_000), {
      env: "GATEWAY_REQUEST_ID_KEEP_MS",
      fallback: 86_400_000,
      meaning: "How long a `request_id` is remembered.",
    }),
  }),
  replicas: group({
    count: setting(kinds.integer(1, 1_000), {
      env: "GATEWAY_REPLICAS",
      fallback: 1,
      meaning:
        "Gateways that share the quotas. Each takes its part of a ceiling, always or, with `quotaShare` `redis`, when Redis is gone.",
    }),
    quotaShare: setting(kinds.choice(["static", "redis"]), {
      env: "GATEWAY_QUOTA_SHARE",
      fallback: "static",
      meaning:
        "How a ceiling is divided: equally, or through Redis by what each replica needs at the moment.",
    }),
  }),
  redis: group({
    url: optionalSetting(kinds.redisUrl, {
      env: "GATEWAY_REDIS_URL",
      meaning: "Redis server that replicas share, such as `rediss://redis.internal:6380/0`.",
    }),
    username: optionalSetting(kinds.name, {
      env: "GATEWAY_REDIS_USERNAME",
      meaning: "ACL user.",
    }),
    password: optionalSetting(kinds.secret, {
      env: "GATEWAY_REDIS_PASSWORD",
      isVariableOnly: true,
      meaning: "Password of Redis. A file (`GATEWAY_REDIS_PASSWORD_FILE`) is the better place.",
    }),
    passwordFile: optionalSetting(kinds.path, {
      env: "GATEWAY_REDIS_PASSWORD_FILE",
      meaning: "File that holds the password of Redis. Re-read at each new connection.",
    }),
    caFile: optionalSetting(kinds.path, {
      env: "GATEWAY_REDIS_CA_FILE",
      meaning: "PEM authorities trusted for Redis in place of the system's.",
    }),
    keyPrefix: setting(kinds.keyPrefix, {
      env: "GATEWAY_REDIS_KEY_PREFIX",
      fallback: "kpgw:",
      meaning: "What all keys in Redis begin with, for ACL rules.",
    }),
  }),
};
