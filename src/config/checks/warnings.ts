/** Finds settings that may be meant, but in most cases are a mistake. Nothing is refused. */
import { findNarrowWildcards } from "../../access/policy-lint.ts";
import { isIamAsked } from "./credentials.ts";
import { warnOfClosedEndpoints } from "./endpoints.ts";
import type { SettingFinding } from "./schema.ts";
import type { Settings } from "../schema/settings.ts";
import { warnOfTracing } from "./tracing.ts";
import { type Tree, valueAt } from "../sources/yaml.ts";

/** Finds what an operator should look at. The settings have passed every check. */
export function findWarnings(settings: Settings, tree: Tree): SettingFinding[] {
  return [
    ...warnOfInstances(settings, tree),
    ...warnOfIam(settings, tree),
    ...warnOfCallers(settings),
    ...warnOfWildcards(settings),
    ...warnOfClosedEndpoints(settings),
    ...warnOfQuota(settings),
    ...warnOfUnused(settings),
    ...warnOfTracing(settings),
  ];
}

function* warnOfInstances({ instances = [] }: Settings, tree: Tree): Generator<SettingFinding> {
  const ids = instances.map(({ instanceId }) => instanceId);
  for (const [at, { instanceId }] of instances.entries()) {
    const first = instances[ids.indexOf(instanceId)];
    if (first !== undefined && ids.indexOf(instanceId) !== at) {
      const what = `is also the ID of ${first.alias}: the two aliases use one quota without knowing of each other`;
      yield { path: ["instances", at, "instanceId"], what };
    }
    const written = valueAt(tree, ["instances", at, "serviceUrl"]);
    if (typeof written === "string" && new URL(written).pathname !== "/") {
      const what = "has a path, which is left out: the gateway adds `/api/v2` itself";
      yield { path: ["instances", at, "serviceUrl"], what };
    }
  }
}

const isPrivate = (url: string): boolean => new URL(url).hostname.split(".").includes("private");

const isPublicIam = (url: string): boolean =>
  /(?:^|\.)iam\.cloud\.ibm\.com$/.test(new URL(url).hostname) && !isPrivate(url);

/** Warns of an IAM on another network than Key Protect, or that is not asked at all. */
function* warnOfIam({ instances = [] }: Settings, tree: Tree): Generator<SettingFinding> {
  for (const [at, instance] of instances.entries()) {
    const path = ["instances", at, "iamUrl"];
    const isAsked = isIamAsked(instance);
    if (isAsked && isPrivate(instance.serviceUrl) && isPublicIam(instance.iamUrl)) {
      const what =
        "is public although serviceUrl is private: tokens are fetched over the public network; set it to https://private.iam.cloud.ibm.com";
      yield { path, what };
    }
    const isSet = valueAt(tree, path) !== undefined;
    if (!isAsked && instance.credentials === "gateway" && isSet) {
      const what =
        "is not used: with authType `vpc` the metadata service issues the token (vpcImsUrl)";
      yield { path, what };
    }
  }
}

/** Warns of callers in rules that cannot exist with the configured listeners. */
function* warnOfCallers({ policy, tls, listen }: Settings): Generator<SettingFinding> {
  const hasUnix = listen.some(({ kind }) => kind === "unix");
  const hasAnonymous = listen.some(({ kind }) => kind === "tcp") && tls?.clientCaFile === undefined;
  for (const [at, { callers }] of (policy?.rules ?? []).entries()) {
    const path = ["policy", "rules", at, "callers"];
    if (callers.includes("unix") && !hasUnix) {
      yield { path, what: "names `unix`, but no listener is a Unix socket" };
    }
    if (callers.includes("anonymous") && !hasAnonymous) {
      yield { path, what: "names `anonymous`, but every caller over TCP has a certificate" };
    }
  }
}

function* warnOfWildcards({ policy }: Settings): Generator<SettingFinding> {
  for (const { rule, list, what } of findNarrowWildcards(policy?.rules ?? [])) {
    yield { path: ["policy", "rules", rule, list], what };
  }
}

function* warnOfQuota({ replicas, instances = [] }: Settings): Generator<SettingFinding> {
  if (replicas.quotaShare !== "redis") return;
  for (const [at, { rateMode, rateCeiling }] of instances.entries()) {
    if (rateMode === "off") {
      const what = "is `off`, so replicas.quotaShare has no effect for this instance";
      yield { path: ["instances", at, "rateMode"], what };
    } else if (rateCeiling === undefined) {
      const what =
        "is not set although replicas.quotaShare is `redis`: nothing is divided, and no rate limited, until Key Protect answers 429";
      yield { path: ["instances", at, "rateCeiling"], what };
    }
  }
}

function* warnOfUnused(settings: Settings): Generator<SettingFinding> {
  const { redis, replicas, requestIds, tls, listen } = settings;
  if (redis.url !== undefined && replicas.quotaShare !== "redis" && requestIds.store !== "redis") {
    const what = "is not used: neither replicas.quotaShare nor requestIds.store is `redis`";
    yield { path: ["redis", "url"], what };
  }
  if (tls !== undefined && listen.every(({ kind }) => kind === "unix")) {
    yield { path: ["tls", "certFile"], what: "is not used: every listener is a Unix socket" };
  }
}
