/** The rules between settings. */
import { findRuleProblems } from "../../access/policy-lint.ts";
import { rpcTable } from "../../rpc-table.ts";
import { checkEndpoints } from "./endpoints.ts";
import { checkCredential, isIamAsked } from "./credentials.ts";
import { checkOverload } from "./overload.ts";
import type { SettingFinding } from "./schema.ts";
import { checkTracing } from "./tracing.ts";
import { formatListenAddress, isLocalAddress, isLoopbackHost } from "../listen-address.ts";
import type { Settings } from "../schema/settings.ts";

/** Finds settings that are valid by themselves but contradict each other. */
export function checkRules(settings: Settings): SettingFinding[] {
  return [
    ...checkListeners(settings),
    ...checkTls(settings.tls),
    ...checkInstances(settings),
    ...checkEndpoints(settings),
    ...checkPolicy(settings),
    ...checkTimes(settings),
    ...checkConnections(settings),
    ...checkOverload(settings),
    ...checkTracing(settings),
  ];
}

function* checkListeners(settings: Settings): Generator<SettingFinding> {
  const { listen, adminListen, tls, allowPlaintext } = settings;
  const addresses = [...listen, adminListen].map(formatListenAddress);
  for (const [at, address] of addresses.entries()) {
    // Port 0 is a different port each time.
    if (addresses.indexOf(address) === at || address.endsWith(":0")) continue;
    const path = at < listen.length ? ["listen"] : ["adminListen"];
    yield { path, what: "names an address that is used twice" };
  }
  if (listen.every(isLocalAddress)) return;
  if (
    tls === undefined &&
    settings.instances?.some(({ credentials }) => credentials === "caller")
  ) {
    const what =
      "a listener beyond loopback needs TLS: callers' tokens are not accepted over plaintext";
    yield { path: ["listen"], what };
  } else if (!allowPlaintext) {
    yield* checkIdentity(settings);
  }
}

/** Checks that callers beyond loopback can be identified and that the connection is encrypted. */
function* checkIdentity(settings: Settings): Generator<SettingFinding> {
  const { tls } = settings;
  const remedy = "or GATEWAY_ALLOW_PLAINTEXT=true if a service mesh does that";
  if (tls === undefined) {
    yield {
      path: ["listen"],
      what: `a listener beyond loopback needs TLS (tls.certFile, tls.keyFile, tls.clientCaFile), ${remedy}`,
    };
  } else if (tls.clientCaFile === undefined && !isEveryCallerKnownByToken(settings)) {
    yield {
      path: ["tls", "clientCaFile"],
      what: `is missing; a listener beyond loopback needs it to identify callers, ${remedy}`,
    };
  }
}

const isEveryCallerKnownByToken = ({ instances = [] }: Settings): boolean =>
  instances.every(({ credentials }) => credentials === "caller");

function* checkTls(tls: Settings["tls"]): Generator<SettingFinding> {
  if (tls === undefined) return;
  for (const name of ["certFile", "keyFile"] as const) {
    if (tls[name] === undefined) {
      yield { path: ["tls", name], what: "is missing; TLS needs a certificate and its key" };
    }
  }
  if (tls.clientCaFile !== undefined && tls.trustDomains === undefined) {
    const what = "is missing; client certificates are accepted only from these trust domains";
    yield { path: ["tls", "trustDomains"], what };
  }
  if (tls.clientCaFile === undefined && tls.trustDomains !== undefined) {
    const what = "has no effect without tls.clientCaFile";
    yield { path: ["tls", "trustDomains"], what };
  }
}

function* checkInstances(settings: Settings): Generator<SettingFinding> {
  const { instances = [], defaultInstance } = settings;
  const aliases = instances.map(({ alias }) => alias);
  for (const [at, instance] of instances.entries()) {
    if (aliases.indexOf(instance.alias) !== at) {
      yield { path: ["instances", at, "alias"], what: "is also the alias of another instance" };
    }
    yield* checkCredential(instance, at, settings);
    for (const name of ["serviceUrl", "iamUrl"] as const) {
      const { protocol, hostname } = new URL(instance[name]);
      const isUnused = name === "iamUrl" && !isIamAsked(instance);
      if (protocol === "https:" || isLoopbackHost(hostname) || isUnused) continue;
      if (settings.allowInsecureUpstream) continue;
      const what =
        "has to be an `https://` URL: `http://` would send tokens and keys unencrypted (GATEWAY_ALLOW_INSECURE_UPSTREAM=true allows it for tests)";
      yield { path: ["instances", at, name], what };
    }
  }
  if (defaultInstance !== undefined && aliases.length > 0 && !aliases.includes(defaultInstance)) {
    yield { path: ["defaultInstance"], what: "has to be the alias of an instance" };
  }
}

function* checkPolicy({
  policy,
  tls,
  instances = [],
  endpoints = [],
}: Settings): Generator<SettingFinding> {
  if (instances.length === 0) return;
  const aliases = instances.map(({ alias }) => alias);
  const trustDomains = tls?.clientCaFile === undefined ? undefined : (tls.trustDomains ?? []);
  const doorCallers = endpoints.map(({ caller }) => caller);
  const context = { aliases, trustDomains, doorCallers };
  for (const { rule, list, what } of findRuleProblems(policy?.rules ?? [], context)) {
    yield { path: ["policy", "rules", rule, list], what };
  }
}

const shortestAttemptMs = Math.min(...rpcTable.map((rpc) => rpc.attemptTimeoutMs));

function* checkTimes({ upstream, limits }: Settings): Generator<SettingFinding> {
  const { attemptTimeoutMs, connectTimeoutMs } = upstream;
  if (connectTimeoutMs > (attemptTimeoutMs ?? shortestAttemptMs)) {
    const what =
      "makes the connect time-out (upstream.connectTimeoutMs) longer than the attempt time-out (upstream.attemptTimeoutMs, 3000 if not set), so that it could never apply";
    const name = attemptTimeoutMs === undefined ? "connectTimeoutMs" : "attemptTimeoutMs";
    yield { path: ["upstream", name], what };
  }
  if (attemptTimeoutMs !== undefined && attemptTimeoutMs > limits.maxDeadlineMs) {
    const what = "has to be at most limits.maxDeadlineMs";
    yield { path: ["upstream", "attemptTimeoutMs"], what };
  }
}

function* checkConnections({ connections, limits }: Settings): Generator<SettingFinding> {
  const { max, maxPerPeer = 0, maxReceivingBytes, ageGraceMs } = connections;
  if (ageGraceMs !== undefined && ageGraceMs < limits.maxDeadlineMs) {
    const what = "has to be at least limits.maxDeadlineMs: calls would be cut off";
    yield { path: ["connections", "ageGraceMs"], what };
  }
  if (maxPerPeer > max) {
    yield { path: ["connections", "maxPerPeer"], what: "has to be at most connections.max" };
  }
  if (maxReceivingBytes !== undefined && maxReceivingBytes < 4 * limits.maxReceiveBytes) {
    const what = "has to be at least four times limits.maxReceiveBytes";
    yield { path: ["connections", "maxReceivingBytes"], what };
  }
}
