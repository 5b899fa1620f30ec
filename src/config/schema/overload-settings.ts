/** The part of the schema about the request rate, queue, retries, circuit breaker and Redis. */
import { group, optionalSetting, setting } from "./setting.ts";
import { kinds } from "./value-kinds.ts";

/** Settings of one instance: how its requests are kept within the quota. */
export const rateSettings = {
  rateMode: setting(kinds.choice(["auto", "adaptive", "down-only", "fixed", "off"]), {
    env: "GATEWAY_RATE_MODE",
    isShared: true,
    fallback: "auto",
    meaning:
      "How requests are kept within the quota. `adaptive` searches for it: requests are not rate-limited until the first 429; then the rate is held, and a higher one is tried step by step. `down-only` starts at `rateCeiling`, goes down after a 429 and returns to it. `fixed` always sends at `rateCeiling`. `off` does not limit the rate; only the number of connections limits requests. `auto`: `down-only` if there is a ceiling, else `adaptive`.",
  }),
  rateCeiling: optionalSetting(kinds.integer(1, 100_000), {
    env: "GATEWAY_RATE_CEILING",
    isShared: true,
    meaning:
      "Quota of the instance in requests per second, for all replicas together. The gateway sends at most 98.5 % of it; calls above that queue.",
  }),
  rateInitial: optionalSetting(kinds.integer(1, 100_000), {
    env: "GATEWAY_RATE_INITIAL",
    isShared: true,
    meaning:
      "Start value of `adaptive`, in requests per second. It grows by a quarter every two seconds. If not set, requests are not rate-limited until the first 429.",
  }),
  rateLongestHoldMs: setting(kinds.integer(20_000, 3_600_000), {
    env: "GATEWAY_RATE_LONGEST_HOLD_MS",
    isShared: true,
    fallback: 300_000,
    meaning:
      "How often, at least, a higher rate is tried. A shorter time notices a larger quota sooner but causes more 429s.",
  }),
};

/** Settings of the whole gateway. */
export const overloadSettings = {
  queue: group({
    maxCalls: setting(kinds.integer(1, 1_000_000), {
      env: "GATEWAY_QUEUE_MAX_CALLS",
      fallback: 2_048,
      meaning: "Maximum number of calls that wait in the queue of one instance.",
    }),
    maxWorkMs: setting(kinds.integer(1, 60_000), {
      env: "GATEWAY_QUEUE_MAX_WORK_MS",
      fallback: 2_000,
      meaning:
        "Maximum length of the queue of one instance, as the time that sending it takes at the current rate. The smaller of this and `maxCalls` applies.",
    }),
    maxCallerPercent: setting(kinds.integer(1, 100), {
      env: "GATEWAY_QUEUE_MAX_CALLER_PERCENT",
      fallback: 60,
      meaning: "Share of the queue that one caller may fill, in percent.",
    }),
  }),
  retry: group({
    maxAttempts: setting(kinds.integer(1, 5), {
      env: "GATEWAY_RETRY_MAX_ATTEMPTS",
      fallback: 3,
      meaning: "Maximum number of attempts of one call, the first included. 1 turns retries off.",
    }),
    budgetPercent: setting(kinds.integer(0, 100), {
      env: "GATEWAY_RETRY_BUDGET_PERCENT",
      fallback: 10,
      meaning:
        "Retry budget. Retries may be at most this percentage of requests, plus one retry per second. Up to 50 unused retries are saved.",
    }),
  }),
  breaker: group({
    enabled: setting(kinds.flag, {
      env: "GATEWAY_BREAKER",
      fallback: true,
      meaning:
        "Whether a circuit breaker rejects calls for a while when requests to Key Protect fail.",
    }),
    failurePercent: setting(kinds.integer(1, 99), {
      env: "GATEWAY_BREAKER_FAILURE_PERCENT",
      fallback: 50,
      meaning:
        "The circuit opens when more than this percentage of the requests in the window failed.",
    }),
    minimumRequests: setting(kinds.integer(1, 10_000), {
      env: "GATEWAY_BREAKER_MINIMUM_REQUESTS",
      fallback: 20,
      meaning: "With fewer requests than this in the window the circuit stays closed.",
    }),
    resetMs: setting(kinds.integer(100, 600_000), {
      env: "GATEWAY_BREAKER_RESET_MS",
      fallback: 5_000,
      meaning:
        "Failure window, and wait before the first probe. For wrap and unwrap; doubled for other RPCs.",
    }),
    longestResetMs: setting(kinds.integer(100, 3_600_000), {
      env: "GATEWAY_BREAKER_LONGEST_RESET_MS",
      fallback: 60_000,
      meaning: "Each failed probe doubles the wait before the next one, up to this time.",
    }),
  }),
  coalesce: group({
    reads: setting(kinds.flag, {
      env: "GATEWAY_COALESCE_READS",
      fallback: true,
      meaning:
        "Whether identical reads at the same moment share one request to Key Protect. Applies to GetKey, GetKeyPolicies, CountKeys and ListLockers. With several replicas only requests that wait for quota or a connection are shared: a request that was sent may be older than a change that another replica made.",
    }),
    unwraps: setting(kinds.flag, {
      env: "GATEWAY_COALESCE_UNWRAPS",
      fallback: true,
      meaning: "The same for UnwrapKey calls with the same ciphertext and additional data.",
    }),
  }),
  requestIds: group({
    store: setting(kinds.choice(["none", "memory", "redis"]), {
      env: "GATEWAY_REQUEST_ID_STORE",
      fallback: "none",
      meaning:
        "Where the `request_id`s of CreateKey and RotateKey are stored: `memory` for one replica, `redis` for several. With `none`, a call that carries one is rejected.",
    }),
    keepMs: setting(kinds.integer(60_000, 2_592_000_000), {
      env: "GATEWAY_REQUEST_ID_KEEP_MS",
      fallback: 86_400_000,
      meaning: "How long a `request_id` is stored.",
    }),
  }),
  replicas: group({
    count: setting(kinds.integer(1, 1_000), {
      env: "GATEWAY_REPLICAS",
      fallback: 1,
      meaning:
        "Number of gateways that share the quotas. Each uses an equal part of a ceiling; with `quotaShare` `redis`, only while it cannot reach Redis. Parts of gateways that are not heard stay unused.",
    }),
    quotaShare: setting(kinds.choice(["static", "redis"]), {
      env: "GATEWAY_QUOTA_SHARE",
      fallback: "static",
      meaning:
        "How a ceiling is divided: `static` into equal parts, `redis` through Redis by the current demand of each replica.",
    }),
  }),
  redis: group({
    url: optionalSetting(kinds.redisUrl, {
      env: "GATEWAY_REDIS_URL",
      meaning:
        "URL of the Redis server that the replicas share, such as `rediss://redis.internal:6380/0`.",
    }),
    username: optionalSetting(kinds.name, {
      env: "GATEWAY_REDIS_USERNAME",
      meaning: "Redis ACL user.",
    }),
    password: optionalSetting(kinds.secret, {
      env: "GATEWAY_REDIS_PASSWORD",
      isVariableOnly: true,
      meaning: "Redis password. Prefer a file (`GATEWAY_REDIS_PASSWORD_FILE`).",
    }),
    passwordFile: optionalSetting(kinds.path, {
      env: "GATEWAY_REDIS_PASSWORD_FILE",
      reload: "content",
      meaning: "File that contains the Redis password. It is read again for each new connection.",
    }),
    caFile: optionalSetting(kinds.path, {
      env: "GATEWAY_REDIS_CA_FILE",
      meaning: "PEM file of the certificate authorities trusted for Redis instead of the system's.",
    }),
    keyPrefix: setting(kinds.keyPrefix, {
      env: "GATEWAY_REDIS_KEY_PREFIX",
      fallback: "kpgw:",
      meaning: "Prefix of all keys in Redis, for ACL rules.",
    }),
  }),
};
