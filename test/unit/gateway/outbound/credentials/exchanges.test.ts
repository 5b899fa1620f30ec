import { expect, test } from "vitest";
import { pino } from "pino";
import type { BaseCredential, GatewayCredential } from "../../../../../src/config/credential.ts";
import { openExchange } from "../../../../../src/gateway/outbound/credentials/exchanges.ts";
import { createCredentials } from "../../../../../src/gateway/outbound/credentials/token-sources.ts";
import { createUpstreamConnections } from "../../../../../src/gateway/outbound/upstream-connections.ts";
import { createMetrics } from "../../../../../src/observability/metrics/metrics.ts";
import { systemClock } from "../../../../../src/platform/clock.ts";
import { Secret } from "../../../../../src/platform/secret.ts";

const clock = systemClock;
const logger = pino({ enabled: false });
const profile = { id: undefined, name: undefined, crn: undefined, accountId: undefined };
const imsUrl = "http://169.254.169.254";
const iamUrl = "https://iam.cloud.ibm.com";
const vpc: BaseCredential = { kind: "vpc", imsUrl, imsVersion: "2022-03-01", profile };

test("the metadata service is never reached through a proxy, and IAM is", async () => {
  const proxy = { origin: "http://proxy.test:3128", credentials: undefined };
  const connectionsOf = createUpstreamConnections(
    {
      upstream: {
        connections: 1,
        connectTimeoutMs: 900,
        caFile: undefined,
        attemptTimeoutMs: undefined,
      },
      proxy: { https: proxy, http: proxy, noProxy: [], caFile: undefined },
    },
    { logger, clock },
  );
  const used: (readonly [string, string | undefined])[] = [];
  const assume: GatewayCredential = { kind: "assume", base: vpc, profile, iamUrl };
  const exchange = openExchange(assume, {
    connectionsOf: (url, way) => {
      const options = connectionsOf(url, way);
      used.push([url, options.proxy?.origin]);
      return options;
    },
    clock,
  });
  await exchange[Symbol.asyncDispose]();
  expect(used).toEqual([
    [imsUrl, undefined],
    [iamUrl, "http://proxy.test:3128"],
  ]);
  // The address alone would not be a reason to go past the proxy.
  expect(connectionsOf(imsUrl).proxy?.origin).toBe("http://proxy.test:3128");
});

const key = (text: string, scope?: string, secret?: string): BaseCredential => ({
  kind: "apiKey",
  apiKey: new Secret(text),
  iamUrl,
  scope,
  client:
    secret === undefined
      ? undefined
      : { id: "c", secret: new Secret(secret), secretFile: undefined },
});

const container = (id: string): GatewayCredential => ({
  kind: "container",
  tokenFile: undefined,
  profile: { ...profile, id },
  iamUrl,
  scope: undefined,
  client: undefined,
});

test("two instances share a token source only if their credentials are the same in every part", async () => {
  await using credentials = createCredentials({
    connectionsOf: () => ({ clock }),
    metrics: createMetrics({ hasProcessMetrics: false }),
    logger,
    clock,
    random: () => 0.5,
  });
  const makers = [
    () => key("one"),
    () => key("two"),
    () => key("one", "ibm"),
    () => key("one", undefined, "s"),
    () => key("one", undefined, "t"),
    () => container("one"),
    () => container("two"),
    () => vpc,
    (): GatewayCredential => ({ kind: "assume", base: vpc, profile, iamUrl }),
    (): GatewayCredential => ({ kind: "assume", base: key("one"), profile, iamUrl }),
    (): GatewayCredential => ({ kind: "assume", base: key("two"), profile, iamUrl }),
  ];
  const sources = makers.map((make) => credentials.tokensOf(make()));
  expect(new Set(sources).size).toBe(makers.length);
  expect(makers.map((make) => credentials.tokensOf(make()))).toEqual(sources);
  expect(credentials.tokensOf({ kind: "caller" })).toBeUndefined();
});
