/** The rules between the settings of pacing, breaking and sharing. */
import type { SettingFinding } from "./schema.ts";
import { isLoopbackHost } from "../listen-address.ts";
import type { Settings } from "../schema/settings.ts";

/** Everything that is wrong between settings that are each right by themselves. */
export function checkOverload(settings: Settings): SettingFinding[] {
  return [...checkRates(settings), ...checkBreaker(settings), ...checkRedis(settings)];
}

function* checkRates({ instances = [] }: Settings): Generator<SettingFinding> {
  for (const [at, { rateMode, rateCeiling, rateInitial }] of instances.entries()) {
    const needsCeiling = rateMode === "fixed" || rateMode === "down-only";
    if (needsCeiling && rateCeiling === undefined) {
      const what = `is missing; the mode \`${rateMode}\` starts from it`;
      yield { path: ["instances", at, "rateCeiling"], what };
    }
    if (rateMode === "off" && rateCeiling !== undefined) {
      const what = "has to go where the mode is `off`, or the mode has to";
      yield { path: ["instances", at, "rateCeiling"], what };
    }
    const isSearching =
      rateMode === "adaptive" || (rateMode === "auto" && rateCeiling === undefined);
    if (rateInitial !== undefined && !isSearching) {
      const what = "means something only where the rate is searched for (`adaptive`)";
      yield { path: ["instances", at, "rateInitial"], what };
    }
    if (rateInitial !== undefined && rateCeiling !== undefined && rateInitial > rateCeiling) {
      yield { path: ["instances", at, "rateInitial"], what: "has to be at most `rateCeiling`" };
    }
  }
}

function* checkBreaker({ breaker }: Settings): Generator<SettingFinding> {
  if (breaker.longestResetMs < breaker.resetMs * 2) {
    const what = "has to be at least twice breaker.resetMs, the first time of most operations";
    yield { path: ["breaker", "longestResetMs"], what };
  }
}

function* checkRedis(settings: Settings): Generator<SettingFinding> {
  const { redis, replicas, requestIds, allowPlaintext } = settings;
  if (requestIds.store === "memory" && replicas.count > 1) {
    const what = "has to be `redis` where there are several replicas: each would know its own only";
    yield { path: ["requestIds", "store"], what };
  }
  if (replicas.quotaShare === "redis" && replicas.count === 1) {
    const what =
      "has to be the number of gateways that share: without Redis each takes its part of the ceiling";
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
      yield { path: ["redis", name], what: "means nothing without redis.url" };
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
      "has to be a `rediss://` URL beyond loopback: the password would cross the network in the clear (GATEWAY_ALLOW_PLAINTEXT=true where a mesh encrypts)";
    yield { path: ["redis", "url"], what };
  }
  if (protocol === "redis:" && redis.caFile !== undefined) {
    yield { path: ["redis", "caFile"], what: "means nothing without TLS (`rediss://`)" };
  }
  if (redis.password !== undefined && redis.passwordFile !== undefined) {
    const what = "is set beside redis.passwordFile; set one of the two";
    yield { path: ["redis", "password"], what };
  }
}
