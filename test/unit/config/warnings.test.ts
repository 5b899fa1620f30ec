import { expect, test } from "vitest";
import type { ConfigProblem } from "../../../src/config/config-error.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";

const authority = createCertificateAuthority();
const server = authority.issue();
const id = "8a1c4d9e-2f36-4b0e-9d57-0c6a1e3b5f72";
const minimal = {
  KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com",
  KP_INSTANCE_ID: id,
  IBMCLOUD_API_KEY: "api-key",
};
const tls = { GATEWAY_TLS_CERT_FILE: "/cert", GATEWAY_TLS_KEY_FILE: "/key" };
const mutualTls = {
  ...tls,
  GATEWAY_TLS_CLIENT_CA_FILE: "/ca",
  GATEWAY_TLS_TRUST_DOMAINS: "example.org",
};
const shared = {
  GATEWAY_QUOTA_SHARE: "redis",
  GATEWAY_REPLICAS: "2",
  GATEWAY_REDIS_URL: "rediss://redis.test",
};

function warningsOf(env: Readonly<Record<string, string>>, yaml = "{}"): readonly ConfigProblem[] {
  const warnings: ConfigProblem[] = [];
  const files: Readonly<Record<string, string>> = {
    "/yaml": yaml,
    "/cert": server.cert,
    "/key": server.key,
    "/ca": authority.cert,
  };
  loadConfig({
    env: { ...env, GATEWAY_CONFIG: "/yaml" },
    readFile: (path) => files[path] ?? "",
    onWarning: (warning) => warnings.push(warning),
  });
  return warnings;
}

const methods = (...names: string[]): string =>
  `policy: {rules: [{callers: "*", methods: [${names.map((name) => `"${name}"`).join()}]}]}`;

const rules = (...callers: string[]): string =>
  `policy: {rules: [{callers: [${callers.map((caller) => `"${caller}"`).join()}], methods: "*"}]}`;

test.each<[string, Readonly<Record<string, string>>, string?]>([
  ["three variables", minimal],
  ["a service URL that ends with /", { ...minimal, KP_SERVICE_URL: "https://kms.test/" }],
  ["a shared quota with a ceiling", { ...minimal, ...shared, GATEWAY_RATE_CEILING: "100" }],
  [
    "Redis for request IDs alone",
    { ...minimal, GATEWAY_REDIS_URL: "rediss://redis.test", GATEWAY_REQUEST_ID_STORE: "redis" },
  ],
  ["a rule for anonymous callers on loopback", minimal, rules("anonymous", "*")],
  ["a rule for a Unix socket", { ...minimal, GATEWAY_LISTEN: "unix:/run/a.sock" }, rules("unix")],
  ["wildcards of services with several other RPCs", minimal, methods("*", "KeysService/*")],
  [
    "wildcards beside which the sensitive RPCs are named",
    minimal,
    methods(
      "LockersService/*",
      "LockersService/CreateLocker",
      "LockersService/RetrieveLocker",
      "PoliciesService/*",
      "PoliciesService/ReplaceKeyPolicies",
    ),
  ],
  ["mutual TLS", { ...minimal, ...mutualTls }, rules("spiffe://example.org/a")],
])("nothing is warned of with %s", (_, env, yaml) => {
  expect(warningsOf(env, yaml)).toEqual([]);
});

test.each<[string, Readonly<Record<string, string>>, string, RegExp, string?]>([
  [
    "a service URL with the path of the API",
    { ...minimal, KP_SERVICE_URL: "https://kms.test/api/v2" },
    "KP_SERVICE_URL",
    /path, which is left out/,
  ],
  [
    "a wildcard that covers one RPC of a service",
    minimal,
    "policy.rules[0].methods",
    /"LockersService\/\*", which covers only ListLockers.*CreateLocker, RetrieveLocker/,
    methods("LockersService/*"),
  ],
  [
    "a wildcard beside which one of two RPCs is named",
    minimal,
    "policy.rules[0].methods",
    /"LockersService\/\*", which covers only ListLockers: a rule has to name RetrieveLocker to/,
    methods("LockersService/*", "LockersService/CreateLocker"),
  ],
  [
    "a wildcard for policies",
    minimal,
    "policy.rules[0].methods",
    /covers only GetKeyPolicies: a rule has to name ReplaceKeyPolicies to/,
    methods("PoliciesService/*"),
  ],
  [
    "a shared quota without a ceiling",
    { ...minimal, ...shared },
    "GATEWAY_RATE_CEILING",
    /nothing is divided/,
  ],
  [
    "a shared quota of an unlimited rate",
    { ...minimal, ...shared, GATEWAY_RATE_MODE: "off" },
    "GATEWAY_RATE_MODE",
    /has no effect/,
  ],
  [
    "Redis that nothing uses",
    { ...minimal, GATEWAY_REDIS_URL: "rediss://redis.test" },
    "GATEWAY_REDIS_URL",
    /is not used/,
  ],
  [
    "TLS for Unix sockets alone",
    { ...minimal, ...tls, GATEWAY_LISTEN: "unix:/run/a.sock" },
    "GATEWAY_TLS_CERT_FILE",
    /is not used/,
  ],
  [
    "a rule for Unix sockets without one",
    minimal,
    "policy.rules[0].callers",
    /no listener is a Unix socket/,
    rules("unix", "*"),
  ],
  [
    "a rule for anonymous callers under mutual TLS",
    { ...minimal, ...mutualTls },
    "policy.rules[0].callers",
    /every caller over TCP has a certificate/,
    rules("anonymous"),
  ],
])("the configuration is accepted with a warning of %s", (_, env, at, what, yaml) => {
  expect(warningsOf(env, yaml)).toEqual([{ at, what: expect.stringMatching(what) }]);
});

const instance = (alias: string, url: string): string =>
  `{alias: ${alias}, serviceUrl: "https://${url}", instanceId: ${id}, credentials: caller}`;

test("two aliases of one instance are accepted with a warning that names the first", () => {
  const yaml = `instances: [${instance("public", "kms.test")}, ${instance("private", "private.kms.test/api/v2")}]`;
  expect(warningsOf({}, yaml)).toEqual([
    { at: "instances[1].instanceId", what: expect.stringContaining("is also the ID of public") },
    { at: "instances[1].serviceUrl", what: expect.stringContaining("is left out") },
  ]);
});
