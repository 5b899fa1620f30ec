/** Compares an EncryptionConfiguration with the endpoints of the gateway. Makes no connection. */
import type { KubernetesKmsConfig } from "../../../config/endpoint.ts";
import { formatListenAddress } from "../../../config/listen-address.ts";
import type { KmsProvider, ProviderList } from "./encryption-configuration.ts";
import type { Report } from "./finding.ts";

const isKms = (provider: ProviderList["providers"][number]): provider is KmsProvider =>
  "endpoint" in provider;

/** The path of a socket in `unix:///path`, as the API server reads it; `undefined` for others. */
function socketOf(endpoint: string): string | undefined {
  const path = /^unix:\/\/(\/.*)$/.exec(endpoint)?.[1];
  // `unix:///@name` is an abstract socket, which the gateway cannot listen on.
  return path === undefined || path.startsWith("/@") ? undefined : path;
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Reads a duration of Go, such as `1m30s`, in milliseconds; `undefined` if it is none. */
function durationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)].reduce(
    (sum, [, value, unit = ""]) => sum + Number(value) * (unitMs[unit] ?? 0),
    0,
  );
}

/** Shortest time-out that leaves time for a slow answer of Key Protect, in milliseconds. */
const leastTimeoutMs = 1_000;
/** Longest time-out with which a health check of the API server still ends soon, in ms. */
const mostTimeoutMs = 10_000;

/** Reports what providers and endpoints have to agree on. */
export function compare(
  lists: readonly ProviderList[],
  endpoints: readonly KubernetesKmsConfig[],
  report: Report,
): void {
  const sockets = new Map(
    endpoints.map((endpoint) => [
      endpoint.listen.kind === "unix" ? endpoint.listen.path : "",
      endpoint,
    ]),
  );
  const endpointOf = ({ endpoint }: KmsProvider): KubernetesKmsConfig | undefined =>
    sockets.get(socketOf(endpoint) ?? "");
  const providers = lists.flatMap((list) => list.providers.filter(isKms));
  for (const provider of providers) checkProvider(provider, endpointOf(provider), report);
  checkNames(providers, report);
  for (const list of lists) checkOrder(list, (provider) => endpointOf(provider), report);
  for (const endpoint of endpoints) {
    if (providers.some((provider) => endpointOf(provider) === endpoint)) continue;
    const address = formatListenAddress(endpoint.listen).replace("unix:", "unix://");
    report("problem", endpoint.caller, `no provider has the endpoint ${address}`);
  }
}

function checkProvider(
  { at, apiVersion, name, endpoint, timeout, hasCacheSize }: KmsProvider,
  served: KubernetesKmsConfig | undefined,
  report: Report,
): void {
  if (socketOf(endpoint) === undefined) {
    report("problem", `${at}.endpoint`, "has to be unix:// and the absolute path of a socket file");
  } else if (served === undefined) {
    report("note", `${at}.endpoint`, "names a socket that this gateway does not serve");
    return;
  } else {
    report("ok", `${at}.endpoint`, `is the socket of the endpoint ${served.caller}`);
  }
  if (apiVersion !== "v2") {
    const why = apiVersion === undefined ? "is missing, which means v1" : "is not v2";
    report("problem", `${at}.apiVersion`, `${why}; the gateway speaks v2 only`);
  }
  if (name === "" || name.includes(":")) {
    report("problem", `${at}.name`, "has to be a text without a colon");
  }
  if (hasCacheSize) {
    report("problem", `${at}.cachesize`, "is not accepted with v2; remove it");
  }
  if (timeout === undefined) return;
  const ms = durationMs(timeout);
  if (ms === undefined || ms <= 0) {
    report("problem", `${at}.timeout`, "has to be a positive duration, such as 3s");
  } else if (ms < leastTimeoutMs) {
    report("problem", `${at}.timeout`, "is below 1s: a slow answer would count as a failure");
  } else if (ms > mostTimeoutMs) {
    report("note", `${at}.timeout`, "is above 10s: health checks of the API server wait as long");
  }
}

function checkNames(providers: readonly KmsProvider[], report: Report): void {
  const names = providers.map(({ name }) => name);
  for (const [index, { at, name }] of providers.entries()) {
    if (name === "" || names.indexOf(name) === index) continue;
    const what = "is also the name of another provider; the API server refuses to start";
    report("problem", `${at}.name`, what);
  }
}

/** Reports what the order of the providers of some resources means, if one is the gateway's. */
function checkOrder(
  { at, resources, providers }: ProviderList,
  endpointOf: (provider: KmsProvider) => KubernetesKmsConfig | undefined,
  report: Report,
): void {
  const place = `${at}.providers`;
  const own = providers.findIndex((each) => isKms(each) && endpointOf(each) !== undefined);
  if (own < 0) return;
  const [first] = providers;
  const identity = providers.findIndex((each) => !isKms(each) && each.other === "identity");
  if (identity === 0) {
    report("problem", place, "begin with identity: new objects are stored unencrypted");
  } else if (own > 0 && first !== undefined) {
    const by = isKms(first) ? `the provider ${first.name}` : first.other;
    report("note", place, `begin with another one: new objects are encrypted by ${by}`);
  } else {
    report("ok", place, `encrypt new ${resources.join(", ")} with the gateway`);
  }
  if (identity < 0) {
    report("note", place, "lack identity: objects that are stored unencrypted cannot be read");
  }
}
