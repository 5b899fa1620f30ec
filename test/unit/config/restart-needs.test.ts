import { expect, test } from "vitest";
import { stringify } from "yaml";
import { loadConfig } from "../../../src/config/load-config.ts";
import { type ConfigState, findRestartNeeds } from "../../../src/config/restart-needs.ts";
import { settingList, writePath } from "../../../src/config/schema/setting-list.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";

const authority = createCertificateAuthority();
const server = authority.issue();
const texts: Readonly<Record<string, string>> = {
  crt: server.cert,
  key: server.key,
  ca: authority.cert,
};

const instance = (alias: string, changes: object = {}) => ({
  alias,
  serviceUrl: "https://us-south.kms.cloud.ibm.com",
  instanceId: "e0a1b2c3-0000-4000-8000-000000000001",
  apiKeyFile: "api-key",
  ...changes,
});
const base = { instances: [instance("eu"), instance("us")], defaultInstance: "eu" };

/** The state for a YAML file; `contents` are digests of files. */
function stateOf(settings: object, contents: Readonly<Record<string, string>> = {}): ConfigState {
  const yaml = stringify({ ...base, ...settings });
  const config = loadConfig({
    env: { GATEWAY_CONFIG: "gateway.yaml" },
    readFile: (path) => (path === "gateway.yaml" ? yaml : (texts[path] ?? "content")),
  });
  return { config, files: { digests: new Map(Object.entries(contents)) } };
}

const needs = (before: object, after: object): string[] =>
  findRestartNeeds(stateOf(before), stateOf(after));

const tls = { certFile: "crt", keyFile: "key" };
const mutual = { ...tls, clientCaFile: "ca", trustDomains: ["prod.example"] };
const rule = { callers: ["unix"], methods: ["*"] };

test.each<[string, object, object, readonly string[]]>([
  ["nothing", {}, {}, []],
  ["the log level", {}, { logLevel: "debug" }, []],
  ["a rule of the policy", { policy: { rules: [rule] } }, { policy: { rules: [rule, rule] } }, []],
  ["a new policy", {}, { policy: { rules: [rule] } }, []],
  ["a policy that is gone", { policy: { rules: [rule] } }, {}, ["policy"]],
  [
    "a limit and an address",
    {},
    { listen: "127.0.0.1:1", limits: { maxDeadlineMs: 9_000 } },
    ["listen", "limits.maxDeadlineMs"],
  ],
  [
    "an instance that is added",
    {},
    { instances: [...base.instances, instance("ap")] },
    ["instances"],
  ],
  ["an instance that is removed", {}, { instances: [instance("eu")] }, ["instances"]],
  ["the order of the instances", {}, { instances: base.instances.toReversed() }, []],
  [
    "the credential of an instance",
    {},
    { instances: [instance("eu", { apiKeyFile: "other" }), instance("us")] },
    [],
  ],
  [
    "the kind of a credential",
    {},
    {
      instances: [
        instance("eu"),
        {
          ...instance("us", { authType: "container", profileId: "p" }),
          apiKeyFile: undefined,
          crTokenFile: "cr",
        },
      ],
    },
    [],
  ],
  [
    "whose tokens an instance uses",
    {},
    {
      instances: [instance("eu"), instance("us", { credentials: "caller", apiKeyFile: undefined })],
    },
    ["instances[1].credentials"],
  ],
  [
    "a ceiling",
    {},
    { instances: [instance("eu", { rateCeiling: 9 }), instance("us")] },
    ["instances[0].rateMode", "instances[0].rateCeiling"],
  ],
  ["other certificate files", { tls }, { tls: { certFile: "crt", keyFile: "key" } }, []],
  ["TLS that is added", {}, { tls }, ["tls"]],
  [
    "client certificates that are added",
    { tls },
    { tls: mutual },
    ["tls.trustDomains", "tls.clientCaFile"],
  ],
  [
    "a trust domain",
    { tls: mutual },
    { tls: { ...mutual, trustDomains: ["dev.example"] } },
    ["tls.trustDomains"],
  ],
] as const)("the restart that %s needs is found", (_, before, after, expected) => {
  expect(needs(before, after).toSorted()).toEqual([...expected].toSorted());
});

test("the content of an authority's file needs a restart, and that of a password file does not", () => {
  const redis = { url: "rediss://redis:6379", caFile: "ca", passwordFile: "password" };
  const settings = { redis, upstream: { caFile: "ca-2" }, requestIds: { store: "redis" } };
  const all = { ...texts, "ca-2": authority.cert };
  const read = (contents: Readonly<Record<string, string>>): ConfigState => {
    const yaml = stringify({ ...base, ...settings });
    const config = loadConfig({
      env: { GATEWAY_CONFIG: "gateway.yaml" },
      readFile: (path) =>
        path === "gateway.yaml" ? yaml : (new Map(Object.entries(all)).get(path) ?? "content"),
    });
    return { config, files: { digests: new Map(Object.entries(contents)) } };
  };
  const first = read({ ca: "1", "ca-2": "1", password: "1" });
  const next = read({ ca: "2", "ca-2": "2", password: "2" });
  expect(findRestartNeeds(first, next)).toEqual(["upstream.caFile", "redis.caFile"]);
});

test("every setting says what a reload does with it, and addresses, limits and quotas need a restart", () => {
  const applied = settingList.filter(({ reload }) => reload === "applied");
  const places = applied.map(({ path }) => writePath(path));
  expect(places).toContain("logLevel");
  expect(places).toContain("policy.rules[].callers");
  expect(places).toContain("instances[].apiKeyFile");
  for (const place of places) {
    expect(place).toMatch(/^(?:logLevel$|policy\.|tls\.\w+File$|instances\[\]\.)/);
  }
  expect(places).not.toContain("instances[].credentials");
  expect(places).not.toContain("instances[].instanceId");
});
