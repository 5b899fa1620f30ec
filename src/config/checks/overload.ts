/** The rules between settings of the rate limit, the circuit breaker and Redis. */
import type { SettingFinding } from "./schema.ts";
import { isLoopbackHost } from "../listen-address.ts";
import type { Settings } from "../schema/settings.ts";

/** Finds settings that are valid by themselves but contradict each other. */
export function checkOverload(settings: Settings): SettingFinding[] {
  return [...checkRates(settings), ...checkBreaker(settings), ...checkRedis(settings)];
}

function* checkRates({ instances = [] }: Settings): Generator<SettingFinding> {
  for (const [at, { rateMode, rateCeiling, rateInitial }] of instances.entries()) {
    const needsCeiling = rateMode === "fixed" || rateMode === "down-only";
    if (needsCeiling && rateCeiling === undefined) {
      const what = `is missing; the mode \`${rateMode}\` needs it`;
      yield { path: ["instances", at, "rateCeiling"], what };
    }
    if (rateMode === "off" && rateCeiling !== undefined) {
      const what = "cannot be set with the mode `off`; remove one of the two";
      yield { path: ["instances", at, "rateCeiling"], what };
    }
    const isSearching =
      rateMode === "adaptive" || (rateMode === "auto" && rateCeiling === undefined);
    if (rateInitial !== undefined && !isSearching) {
      const what = "is only used in the mode `adaptive`";
      yield { path: ["instances", at, "rateInitial"], what };
    }
    if (rateInitial !== undefined && rateCeiling !== undefined && rateInitial > rateCeiling) {
      yield { path: ["instances", at, "rateInitial"], what: "has to be at most `rateCeiling`" };
    }
  }
}

function* checkBreaker({ breaker }: Settings): Generator<SettingFinding> {
  if (breaker.longestResetMs < breaker.resetMs * 2) {
    const what =
      "has to be at least twice breaker.resetMs, which is the first wait of most operations";
    yield { path: ["breaker", "longestResetMs"], what };
  }
}

function* checkRedis(settings: Settings): Generator<SettingFinding> {
  const { redis, replicas, requestIds, allowPlaintext } = settings;
  if (requestIds.store === "memory" && replicas.count > 1) {
    const what =
      "has to be `redis` with several replicas: in memory, each replica knows only its own request IDs";
    yield { path: ["requestIds", "store"], what };
  }
  if (replicas.quotaShare === "redis" && replicas.count === 1) {
    const what =
      "has to be the number of gateways that share the quota: each uses its part of the ceiling while Redis cannot be reached";
    yield { path: ["replicas", "count"], what };
  }
  const users = [
    ...(replicas.quotaShare === "redis" ? ["replicas.quotaShare"] : []),
    ...(requestIds.store === "redis" ? ["requestIds.store"] : []),
  ];
  if (redis.url === undefined) {
    if (users.length > 0) {
      yield { path: ["redis", "url"], what: `is missing; ${users.join(" and ")} need Redis` };
    }
    for (const name of ["username", "password", "passwordFile", "caFile"] as const) {
      if (redis[name] === undefined) continue;
      yield { path: ["redis", name], what: "has no effect without redis.url" };
    }
    return;
  }
  const { protocol, hostname } = new URL(redis.url);
  if (
    protocol === "redis:" &&
    !isLoopbackHost(hostname.replace(/^\[|\]$/g, "")) &&
    !allowPlaintext
  ) {
    const what =
      "has to be a `rediss://` URL beyond loopback: the password would be sent unencrypted (GATEWAY_ALLOW_PLAINTEXT=true if a service mesh encrypts)";
    yield { path: ["redis", "url"], what };
  }
  if (protocol === "redis:" && redis.caFile !== undefined) {
    yield { path: ["redis", "caFile"], what: "has no effect without TLS (`rediss://`)" };
  }
  if (redis.password !== undefined && redis.passwordFile !== undefined) {
    const what = "is set together with redis.passwordFile; set only one";
    yield { path: ["redis", "password"], what };
  }
}
