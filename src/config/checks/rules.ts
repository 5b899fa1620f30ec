/** The rules between settings: what no single value can break. */
import { findRuleProblems } from "../../access/policy-lint.ts";
import { rpcTable } from "../../rpc-table.ts";
import { checkOverload } from "./overload.ts";
import type { SettingFinding } from "./schema.ts";
import { formatListenAddress, isLocalAddress, isLoopbackHost } from "../listen-address.ts";
import type { InstanceSettings, Settings } from "../schema/settings.ts";

/** Everything that is wrong between settings that are each right by themselves. */
export function checkRules(settings: Settings): SettingFinding[] {
  return [
    ...checkListeners(settings),
    ...checkTls(settings.tls),
    ...checkInstances(settings),
    ...checkPolicy(settings),
    ...checkTimes(settings),
    ...checkOverload(settings),
  ];
}

function* checkListeners(settings: Settings): Generator<SettingFinding> {
  const { listen, adminListen, tls, allowPlaintext } = settings;
  const addresses = [...listen, adminListen].map(formatListenAddress);
  for (const [at, address] of addresses.entries()) {
    // Port 0 is another one each time.
    if (addresses.indexOf(address) === at || address.endsWith(":0")) continue;
    const path = at < listen.length ? ["listen"] : ["adminListen"];
    yield { path, what: "names an address that is already listened on" };
  }
  if (listen.every(isLocalAddress)) return;
  if (
    tls === undefined &&
    settings.instances?.some(({ credentials }) => credentials === "caller")
  ) {
    const what =
      "a listener beyond loopback needs TLS, for no token of a caller is taken from plaintext";
    yield { path: ["listen"], what };
  } else if (!allowPlaintext) {
    yield* checkIdentity(settings);
  }
}

/** Whether those who reach a listener from elsewhere can be told apart, and nobody else can listen. */
function* checkIdentity(settings: Settings): Generator<SettingFinding> {
  const { tls } = settings;
  const remedy = "or GATEWAY_ALLOW_PLAINTEXT=true where a mesh takes care of that";
  if (tls === undefined) {
    yield {
      path: ["listen"],
      what: `a listener beyond loopback needs TLS (tls.certFile, tls.keyFile, tls.clientCaFile), ${remedy}`,
    };
  } else if (tls.clientCaFile === undefined && !isEveryCallerKnownByToken(settings)) {
    yield {
      path: ["tls", "clientCaFile"],
      what: `is missing; a listener beyond loopback needs it to know who calls, ${remedy}`,
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
    const what = "is missing; client certificates are accepted from named trust domains only";
    yield { path: ["tls", "trustDomains"], what };
  }
  if (tls.clientCaFile === undefined && tls.trustDomains !== undefined) {
    const what = "means nothing without tls.clientCaFile";
    yield { path: ["tls", "trustDomains"], what };
  }
}

function* checkInstances(settings: Settings): Generator<SettingFinding> {
  const { instances = [], defaultInstance } = settings;
  const aliases = instances.map(({ alias }) => alias);
  for (const [at, instance] of instances.entries()) {
    if (aliases.indexOf(instance.alias) !== at) {
      yield { path: ["instances", at, "alias"], what: "is the alias of another instance too" };
    }
    yield* checkCredential(instance, at);
    for (const name of ["serviceUrl", "iamUrl"] as const) {
      const { protocol, hostname } = new URL(instance[name]);
      const isUnused = name === "iamUrl" && instance.credentials === "caller";
      if (protocol === "https:" || isLoopbackHost(hostname) || isUnused) continue;
      if (settings.allowInsecureUpstream) continue;
      const what =
        "has to be an `https://` URL: `http://` would show tokens and keys to the network (GATEWAY_ALLOW_INSECURE_UPSTREAM=true allows it for tests)";
      yield { path: ["instances", at, name], what };
    }
  }
  if (defaultInstance !== undefined && aliases.length > 0 && !aliases.includes(defaultInstance)) {
    yield { path: ["defaultInstance"], what: "has to be the alias of an instance" };
  }
}

function* checkCredential(instance: InstanceSettings, at: number): Generator<SettingFinding> {
  const { apiKey, apiKeyFile, credentials } = instance;
  if (apiKey !== undefined && /[\s\p{Cc}]/u.test(apiKey.reveal())) {
    // A slip in copying; IAM would only say that it does not know the key.
    yield { path: ["instances", at, "apiKey"], what: "has to be without white space" };
  }
  if (credentials === "caller") {
    for (const name of ["apiKey", "apiKeyFile"] as const) {
      if (instance[name] === undefined) continue;
      const what = "is not used where callers bring their own tokens (GATEWAY_CREDENTIALS=caller)";
      yield { path: ["instances", at, name], what };
    }
  } else if (apiKey !== undefined && apiKeyFile !== undefined) {
    const what = "is set beside IBMCLOUD_API_KEY_FILE; set one of the two";
    yield { path: ["instances", at, "apiKey"], what };
  } else if (apiKey === undefined && apiKeyFile === undefined) {
    const what =
      "is missing; set it, or IBMCLOUD_API_KEY, or GATEWAY_CREDENTIALS=caller to pass callers' tokens on";
    yield { path: ["instances", at, "apiKeyFile"], what };
  }
}

function* checkPolicy({ policy, instances = [] }: Settings): Generator<SettingFinding> {
  if (instances.length === 0) return;
  const aliases = instances.map(({ alias }) => alias);
  for (const { rule, list, what } of findRuleProblems(policy?.rules ?? [], aliases)) {
    yield { path: ["policy", "rules", rule, list], what };
  }
}

const shortestAttemptMs = Math.min(...rpcTable.map((rpc) => rpc.attemptTimeoutMs));

function* checkTimes({ upstream, limits }: Settings): Generator<SettingFinding> {
  const { attemptTimeoutMs, connectTimeoutMs } = upstream;
  if (connectTimeoutMs > (attemptTimeoutMs ?? shortestAttemptMs)) {
    const what =
      "leaves connecting (upstream.connectTimeoutMs) more time than a request (upstream.attemptTimeoutMs, 3000 if not set), so that it could never fail first";
    const name = attemptTimeoutMs === undefined ? "connectTimeoutMs" : "attemptTimeoutMs";
    yield { path: ["upstream", name], what };
  }
  if (attemptTimeoutMs !== undefined && attemptTimeoutMs > limits.maxDeadlineMs) {
    const what = "has to be at most limits.maxDeadlineMs";
    yield { path: ["upstream", "attemptTimeoutMs"], what };
  }
}
