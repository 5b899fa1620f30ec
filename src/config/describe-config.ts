import { loadYaml } from "./sources/yaml.ts";
import type { Config, InstanceConfig } from "./config.ts";
import { describeCredential } from "./credential.ts";
import { formatListenAddress } from "./listen-address.ts";
import type { ProxyServer } from "./proxy-server.ts";
import { redacted } from "../platform/secret.ts";

/**
 * Formats the effective configuration as a YAML file that yields the same configuration. Secrets
 * are redacted.
 */
export const describeConfig = (config: Config): string =>
  loadYaml().stringify(toSettings(config), { lineWidth: 0, aliasDuplicateObjects: false });

/** Converts the configuration back to the mapping that the YAML file would have. */
export function toSettings(config: Config) {
  const { tls } = config;
  return {
    ...config,
    listen: config.listen.map(formatListenAddress),
    adminListen: formatListenAddress(config.adminListen),
    reflection: config.reflection ? "on" : "off",
    tls: tls && {
      ...tls,
      trustDomains: tls.trustDomains.length > 0 ? tls.trustDomains : undefined,
    },
    instances: config.instances.map(describeInstance),
    endpoints: config.endpoints.map((each) => ({
      ...each,
      listen: formatListenAddress(each.listen),
    })),
    proxy: {
      ...config.proxy,
      https: describeProxy(config.proxy.https),
      http: describeProxy(config.proxy.http),
    },
    tracing: describeTracing(config.tracing),
    redis: config.redis && {
      ...config.redis,
      password: config.redis.password === undefined ? undefined : redacted,
    },
  };
}

/** Shows the settings of traces without the headers, which contain the collector's API key. */
const describeTracing = (tracing: Config["tracing"]): Record<string, unknown> => ({
  ...tracing,
  headers: tracing.headers && redacted,
  tracesHeaders: tracing.tracesHeaders && redacted,
});

/** Shows a proxy without its user and password. */
function describeProxy(proxy: ProxyServer | undefined): string | undefined {
  if (proxy?.credentials === undefined) return proxy?.origin;
  return proxy.origin.replace("://", `://${redacted}@`);
}

function describeInstance(config: InstanceConfig): Record<string, unknown> {
  const { credential, rate, ...rest } = config;
  const instance = {
    ...rest,
    rateMode: rate.mode,
    rateCeiling: rate.ceiling,
    rateInitial: rate.initial,
    rateLongestHoldMs: rate.longestHoldMs,
  };
  return { ...instance, ...describeCredential(credential) };
}
