import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { ConfigError, type ConfigProblem } from "../../../src/config/config-error.ts";
import { describeConfig } from "../../../src/config/describe-config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { openIfAbsent } from "../../../src/config/schema/open-if-absent.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";
import { settingList } from "../../../src/config/schema/setting-list.ts";
import { problemsWhen, readFrom } from "../../support/config-problems.ts";

type Env = Record<string, string>;

const id = "8a1c4d9e-2f36-4b0e-9d57-0c6a1e3b5f72";
const minimal: Env = {
  KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com",
  KP_INSTANCE_ID: id,
  IBMCLOUD_API_KEY: "api-key",
};

function load(env: Env, files: Env = {}): Config {
  return loadConfig({
    env,
    readFile: readFrom(files),
  });
}

const problemsOf = (env: Env, files: Env = {}): readonly ConfigProblem[] =>
  problemsWhen(() => load(env, files));

const places = (env: Env, files: Env = {}): string[] => problemsOf(env, files).map(({ at }) => at);

/** Loads one YAML file beside the given variables. */
const withYaml = (text: string, env: Env = { IBMCLOUD_API_KEY: "api-key" }): [Env, Env] => [
  { ...env, GATEWAY_CONFIG: "/gateway.yaml" },
  { "/gateway.yaml": text },
];

const authority = createCertificateAuthority();
const server = authority.issue({ dnsNames: ["gateway.test"] });
/** A key of its own, which is also no certificate. */
const otherKey = authority.issue().key;
const pem = { "/cert": server.cert, "/key": server.key, "/ca": authority.cert };

const twoInstances = `
instances:
  - alias: eu
    serviceUrl: https://eu-de.kms.cloud.ibm.com
    instanceId: ${id}
    dialect: 2019
    apiKeyFile: /eu-key
  - alias: us
    serviceUrl: https://us-south.kms.cloud.ibm.com
    instanceId: ${id}
    credentials: caller
`;

test("three variables are enough: every other setting has a default", () => {
  const config = load(minimal);
  expect(config).toEqual({
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 50_051 }],
    adminListen: { kind: "tcp", host: "127.0.0.1", port: 9_464 },
    console: { mode: "auto", callers: false, hosts: undefined },
    logLevel: "info",
    reflection: true,
    allowPlaintext: false,
    allowInsecureUpstream: false,
    tls: undefined,
    instances: [
      {
        alias: "default",
        serviceUrl: "https://us-south.kms.cloud.ibm.com",
        instanceId: id,
        dialect: "current",
        credential: {
          kind: "apiKey",
          apiKey: expect.anything(),
          iamUrl: "https://iam.cloud.ibm.com",
        },
        rate: {
          mode: "adaptive",
          ceiling: undefined,
          initial: undefined,
          longestHoldMs: 300_000,
        },
      },
    ],
    defaultInstance: "default",
    endpoints: [],
    limits: {
      maxReceiveBytes: 196_608,
      maxSendBytes: 4_194_304,
      maxMetadataBytes: 16_384,
      maxMetadataEntries: 64,
      maxConcurrentStreams: 1_000,
      maxDeadlineMs: 60_000,
    },
    connections: {
      max: 2_048,
      maxPerPeer: undefined,
      maxReceivingBytes: undefined,
      receiveTimeoutMs: 10_000,
      ageMs: 900_000,
      ageJitterPercent: 10,
      ageGraceMs: undefined,
      idleMs: 900_000,
      keepaliveMs: 60_000,
      keepaliveTimeoutMs: 20_000,
    },
    streams: { max: 100, maxAgeMs: 3_600_000, idleMs: 60_000 },
    drain: { delayMs: 5_000, graceMs: 25_000 },
    upstream: {
      connections: 32,
      connectTimeoutMs: 900,
      caFile: undefined,
      attemptTimeoutMs: undefined,
    },
    proxy: { https: undefined, http: undefined, noProxy: [], caFile: undefined },
    tracing: {
      endpoint: undefined,
      tracesEndpoint: undefined,
      isDisabled: false,
      exporter: "otlp",
      protocol: "http/protobuf",
      tracesProtocol: undefined,
      headers: undefined,
      tracesHeaders: undefined,
      timeoutMs: 10_000,
      tracesTimeoutMs: undefined,
      caFile: undefined,
      tracesCaFile: undefined,
      compression: "none",
      tracesCompression: undefined,
      serviceName: undefined,
      resourceAttributes: {},
      sampler: "parentbased_always_on",
      samplerRatio: undefined,
      batch: { delayMs: 5_000, timeoutMs: 30_000, queueSize: 2_048, size: 512 },
      isSentUpstream: false,
    },
    queue: { maxCalls: 2_048, maxWorkMs: 2_000, maxCallerPercent: 60 },
    retry: { maxAttempts: 3, budgetPercent: 10 },
    breaker: {
      enabled: true,
      failurePercent: 50,
      minimumRequests: 20,
      resetMs: 5_000,
      longestResetMs: 60_000,
    },
    coalesce: { reads: true, unwraps: true },
    requestIds: { store: "none", keepMs: 86_400_000 },
    replicas: { count: 1, quotaShare: "static" },
    redis: undefined,
    policy: undefined,
  });
  const credential = config.instances[0]?.credential;
  expect(credential?.kind === "apiKey" && credential.apiKey.reveal()).toBe("api-key");
});

test("an empty environment is rejected with all missing settings at once", () => {
  expect(places({})).toEqual(["KP_SERVICE_URL", "KP_INSTANCE_ID", "IBMCLOUD_API_KEY_FILE"]);
});

describe("each variable", () => {
  test.each([
    ["GATEWAY_LISTEN", "127.0.0.1:1, [::1]:2,unix:/run/gateway.sock"],
    ["GATEWAY_ADMIN_LISTEN", "0.0.0.0:9464"],
    ["GATEWAY_LOG_LEVEL", "debug"],
    ["GATEWAY_REFLECTION", "off"],
    ["GATEWAY_ALLOW_PLAINTEXT", "true"],
    ["GATEWAY_INSTANCE_ALIAS", "eu-1"],
    ["KP_API_DIALECT", "2019"],
    ["GATEWAY_MAX_RECEIVE_BYTES", "262144"],
    ["GATEWAY_DRAIN_DELAY_MS", "0"],
    ["GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS", "2000"],
    ["GATEWAY_EGRESS_ADDRESSES", "203.0.113.7, 2001:db8::/48,10.0.0.0/8"],
    ["GATEWAY_RATE_MODE", "off"],
    ["GATEWAY_RATE_CEILING", "200"],
    ["GATEWAY_RATE_INITIAL", "50"],
    ["GATEWAY_RATE_LONGEST_HOLD_MS", "60000"],
    ["GATEWAY_QUEUE_MAX_CALLS", "100"],
    ["GATEWAY_QUEUE_MAX_WORK_MS", "500"],
    ["GATEWAY_QUEUE_MAX_CALLER_PERCENT", "100"],
    ["GATEWAY_RETRY_MAX_ATTEMPTS", "1"],
    ["GATEWAY_RETRY_BUDGET_PERCENT", "0"],
    ["GATEWAY_BREAKER", "false"],
    ["GATEWAY_BREAKER_FAILURE_PERCENT", "25"],
    ["GATEWAY_BREAKER_MINIMUM_REQUESTS", "5"],
    ["GATEWAY_BREAKER_RESET_MS", "1000"],
    ["GATEWAY_BREAKER_LONGEST_RESET_MS", "20000"],
    ["GATEWAY_COALESCE_READS", "false"],
    ["GATEWAY_COALESCE_UNWRAPS", "false"],
    ["GATEWAY_REQUEST_ID_STORE", "memory"],
    ["GATEWAY_REQUEST_ID_KEEP_MS", "60000"],
    ["GATEWAY_REPLICAS", "3"],
    ["GATEWAY_REDIS_URL", "rediss://redis.internal:6380/1"],
  ])("the variable %s=%s has an effect", (name, value) => {
    expect(describeConfig(load({ ...minimal, [name]: value }))).not.toBe(
      describeConfig(load(minimal)),
    );
  });

  test.each([
    ["GATEWAY_LISTEN", "50051"],
    ["GATEWAY_LISTEN", "127.0.0.1:70000"],
    ["GATEWAY_LISTEN", "unix:relative"],
    ["GATEWAY_ADMIN_LISTEN", "unix:/path"],
    ["GATEWAY_LOG_LEVEL", "loud"],
    ["GATEWAY_REFLECTION", "true"],
    ["GATEWAY_ALLOW_PLAINTEXT", "yes"],
    ["GATEWAY_INSTANCE_ALIAS", "Not An Alias"],
    ["GATEWAY_CREDENTIALS", "theirs"],
    ["KP_SERVICE_URL", "us-south.kms.cloud.ibm.com"],
    ["KP_SERVICE_URL", "https://user:canary@kms.example"],
    ["KP_SERVICE_URL", "https://kms.example/else"],
    ["KP_SERVICE_URL", "ftp://kms.example"],
    ["KP_INSTANCE_ID", "12345"],
    ["KP_API_DIALECT", "2020"],
    ["IAM_AUTH_URL", "https://iam.example?canary"],
    ["GATEWAY_EGRESS_ADDRESSES", "nat.example.org"],
    ["GATEWAY_EGRESS_ADDRESSES", "203.0.113.7, 203.0.113.0/33"],
    ["GATEWAY_EGRESS_ADDRESSES", "fe80::1%eth0"],
    ["GATEWAY_EGRESS_ADDRESSES", ","],
    ["GATEWAY_MAX_RECEIVE_BYTES", "1e6"],
    ["GATEWAY_MAX_DEADLINE_MS", "-1"],
    ["GATEWAY_UPSTREAM_CONNECTIONS", "0"],
    ["GATEWAY_DEFAULT_INSTANCE", "nobody"],
  ])("the variable %s=%s is rejected by its name", (name, value) => {
    const problems = problemsOf({ ...minimal, [name]: value });
    expect(problems.map(({ at }) => at)).toEqual([name]);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  test("an unknown variable is rejected with the most similar known name", () => {
    expect(problemsOf({ ...minimal, GATEWAY_LISTEM: "x" })).toEqual([
      { at: "GATEWAY_LISTEM", what: "there is no such variable; did you mean GATEWAY_LISTEN?" },
    ]);
  });

  test("variables that Kubernetes adds for a service named gateway are ignored", () => {
    const links = {
      GATEWAY_SERVICE_HOST: "10.0.0.1",
      GATEWAY_SERVICE_PORT: "50051",
      GATEWAY_SERVICE_PORT_GRPC: "50051",
      GATEWAY_PORT: "tcp://10.0.0.1:50051",
      GATEWAY_PORT_50051_TCP: "tcp://10.0.0.1:50051",
      GATEWAY_PORT_50051_TCP_ADDR: "10.0.0.1",
      GATEWAY_ADMIN_SERVICE_HOST: "10.0.0.2",
    };
    expect(places({ ...minimal, ...links })).toEqual([]);
    expect(places({ ...minimal, GATEWAY_PORT: "50051" })).toEqual(["GATEWAY_PORT"]);
  });

  test("an empty variable counts as not set", () => {
    expect(load({ ...minimal, GATEWAY_LISTEN: "", IBMCLOUD_API_KEY_FILE: " " })).toEqual(
      load(minimal),
    );
  });
});

describe("the file", () => {
  test("the file may list several instances, each with its own credential", () => {
    const [env, files] = withYaml(`${twoInstances}\ndefaultInstance: us`, {});
    const config = load(env, { ...files, "/eu-key": "key" });
    expect(config.defaultInstance).toBe("us");
    expect(
      config.instances.map(({ alias, dialect, credential }) => [alias, dialect, credential]),
    ).toEqual([
      ["eu", "2019", { kind: "apiKeyFile", path: "/eu-key", iamUrl: "https://iam.cloud.ibm.com" }],
      ["us", "current", { kind: "caller" }],
    ]);
  });

  test("several instances have no default unless it is set, a single one is its own", () => {
    const files = { "/eu-key": "key" };
    const [env, several] = withYaml(twoInstances, {});
    expect(load(env, { ...several, ...files }).defaultInstance).toBeUndefined();
    const chosen = { ...env, GATEWAY_DEFAULT_INSTANCE: "eu" };
    expect(load(chosen, { ...several, ...files }).defaultInstance).toBe("eu");
    const [one, single] = withYaml(
      twoInstances.slice(0, twoInstances.indexOf("  - alias: us")),
      {},
    );
    expect(load(one, { ...single, ...files }).defaultInstance).toBe("eu");
  });

  test.each(['{"name":"canary"}', "canary canary", "canary\ncanary\n", '{"apikey":""}', "{canary"])(
    "the key file %j, which contains no key, is rejected without quoting it",
    (text) => {
      const env = { ...minimal, IBMCLOUD_API_KEY: "", IBMCLOUD_API_KEY_FILE: "/key" };
      expect(problemsOf(env, { "/key": text })).toEqual([
        { at: "IBMCLOUD_API_KEY_FILE", what: "names a file that contains no API key" },
      ]);
    },
  );

  test("an instance in the file without a credential uses that of the variables", () => {
    const [env, files] = withYaml(twoInstances.replace("    apiKeyFile: /eu-key\n", ""), {
      IBMCLOUD_API_KEY: "shared",
      IAM_AUTH_URL: "https://private.iam.cloud.ibm.com/",
    });
    const [eu, us] = load(env, files).instances;
    expect(eu?.credential).toMatchObject({
      kind: "apiKey",
      iamUrl: "https://private.iam.cloud.ibm.com",
    });
    expect(us?.credential).toEqual({ kind: "caller" });
  });

  test("an instance in the file has its own egress addresses, or those of the variable", () => {
    const own = `    instanceId: ${id}\n    egressAddresses: [203.0.113.7, "2001:db8::/48"]\n`;
    const [env, files] = withYaml(twoInstances.replace(`    instanceId: ${id}\n`, own), {
      GATEWAY_EGRESS_ADDRESSES: "198.51.100.0/24",
    });
    const { instances } = load(env, { ...files, "/eu-key": "key" });
    expect(instances.map(({ egressAddresses }) => egressAddresses)).toEqual([
      ["203.0.113.7", "2001:db8::/48"],
      ["198.51.100.0/24"],
    ]);
    expect(load(minimal).instances[0]?.egressAddresses).toBeUndefined();
  });

  test("a variable overrides the file", () => {
    const yaml = "logLevel: warn\nlimits:\n  maxDeadlineMs: 30000\n";
    const [env, files] = withYaml(yaml, { ...minimal, GATEWAY_MAX_DEADLINE_MS: "20000" });
    expect(load(env, files)).toMatchObject({ logLevel: "warn", limits: { maxDeadlineMs: 20_000 } });
  });

  test("a name without a value in the file counts as not set", () => {
    const [env, files] = withYaml("limits:\nlogLevel:\ntls:\n", minimal);
    expect(load(env, files)).toEqual(load(minimal));
  });

  test.each([
    ["policy:", "policy"],
    ["policy: ~", "policy"],
    ["policy:\n  # rules:\n  #   - { callers: unix, methods: '*' }\nlogLevel: warn", "policy"],
    ["policy:\n  rules:", "policy.rules"],
    ["policy: {rules: [{callers: unix, methods: '*', instances: }]}", "policy.rules[0].instances"],
    ["tls: {certFile: /pem, keyFile: /pem, clientCaFile: }", "tls.clientCaFile"],
    ["tls: {certFile: /pem, keyFile: /pem, trustDomains: }", "tls.trustDomains"],
    ["upstream: {caFile: }", "upstream.caFile"],
    ["redis: {url: 'rediss://redis.internal', caFile: }", "redis.caFile"],
    ["instances:", "instances"],
  ])("the file %j is rejected: the absence of its setting would open something", (yaml, at) => {
    const [env, files] = withYaml(yaml, minimal);
    const problems = problemsOf(env, { ...files, "/pem": "pem" });
    expect(problems).toContainEqual({
      at,
      what: "has no value, and doing without it opens something; set it or remove its name",
    });
  });

  test.each(["", "# policy:\n#   rules: []\n", "~", "---\n"])(
    "the file %j, which sets nothing, is rejected: its policy may have been commented out",
    (yaml) => {
      expect(places(...withYaml(yaml, minimal))).toEqual(["GATEWAY_CONFIG"]);
    },
  );

  test("an instance with `credentials` without a value is rejected", () => {
    const yaml = twoInstances.replace("credentials: caller", "credentials:");
    const [env, files] = withYaml(yaml);
    expect(places(env, { ...files, "/eu-key": "key" })).toEqual(["instances[1].credentials"]);
  });

  test("a variable does not stand in for a policy without a value", () => {
    const [env, files] = withYaml("policy:", { ...minimal, GATEWAY_LISTEN: "127.0.0.1:0" });
    expect(places(env, files)).toEqual(["policy"]);
  });

  test.each(openIfAbsent.map((path) => [path.join(".")]))(
    "%s, whose absence opens something, is a place of the schema",
    (name) => {
      const isPlace = settingList.some(({ path }) => `${path.join(".")}.`.startsWith(`${name}.`));
      expect(isPlace).toBe(true);
    },
  );

  test.each([
    ["limits: 5", ["limits"]],
    ["limits: {maxRecieveBytes: 1}", ["limits.maxRecieveBytes"]],
    ["limits: {maxReceiveBytes: '20000'}", ["limits.maxReceiveBytes"]],
    ["instances: []", ["instances"]],
    ["instances: text", ["instances"]],
    ["instances: [text]", ["instances[0]"]],
    ["instances: [{}]", ["instances[0].serviceUrl", "instances[0].instanceId"]],
    ["policy: {rules: [{callers: [], methods: '*'}]}", ["policy.rules[0].callers"]],
    [
      "policy: {rules: [{callers: 'spiffe://example.org/app*', methods: '*'}]}",
      ["policy.rules[0].callers[0]"],
    ],
    [
      "policy: {rules: [{callers: unix, methods: '*', instances: other}]}",
      ["policy.rules[0].instances"],
    ],
    ["policy: {rules: [{callers: unix, methods: KeysService}]}", ["policy.rules[0].methods[0]"]],
    ["policy: {rules: [{callers: unix, methods: KeysService/Get}]}", ["policy.rules[0].methods"]],
    [
      "unknown: canary\nlogLevel: canary\nupstream: {connections: canary}",
      ["logLevel", "upstream.connections", "unknown"],
    ],
    ["breaker: {longestResetMs: 9999}", ["breaker.longestResetMs"]],
    ["connections: {ageGraceMs: 59999}", ["connections.ageGraceMs"]],
    ["connections: {max: 100, maxPerPeer: 101}", ["connections.maxPerPeer"]],
    [
      "connections: {maxReceivingBytes: 1048576}\nlimits: {maxReceiveBytes: 262145}",
      ["connections.maxReceivingBytes"],
    ],
    ["replicas: {count: 2, quotaShare: redis}\nrequestIds: {store: redis}", ["redis.url"]],
    ["replicas: {quotaShare: redis}\nredis: {url: 'rediss://redis.internal'}", ["replicas.count"]],
    ["replicas: {count: 2}\nrequestIds: {store: memory}", ["requestIds.store"]],
    ["redis: {username: gateway}", ["redis.username"]],
    ["redis: {url: 'redis://user:canary@127.0.0.1:6379'}", ["redis.url"]],
    ["redis: {url: 'redis://127.0.0.1:6379', password: canary}", ["redis.password"]],
    ["redis: {url: 'redis://10.0.0.1:6379'}", ["redis.url"]],
    ["redis: {url: 'redis://[::1]:6379/1', caFile: /no-such}", ["redis.caFile", "redis.caFile"]],
    ["redis: {url: 'rediss://redis.internal', caFile: /no-such}", ["redis.caFile"]],
    ["a: [canary", ["GATEWAY_CONFIG"]],
    ["canary", ["GATEWAY_CONFIG"]],
    ["a: 1\na: canary", ["GATEWAY_CONFIG"]],
    ["a: &a [*a]", ["GATEWAY_CONFIG"]],
    ["__proto__: {logLevel: canary}", ["__proto__"]],
  ])("the file %j is rejected at %j", (yaml, expected) => {
    const isInstanceMissing = !yaml.startsWith("instances");
    const [env, files] = withYaml(yaml, isInstanceMissing ? minimal : { IBMCLOUD_API_KEY: "k" });
    const problems = problemsOf(env, files);
    expect(problems.map(({ at }) => at).toSorted()).toEqual(expected.toSorted());
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  test.each([
    [{ GATEWAY_RATE_MODE: "fixed" }, ["GATEWAY_RATE_CEILING"]],
    [{ GATEWAY_RATE_MODE: "down-only" }, ["GATEWAY_RATE_CEILING"]],
    [{ GATEWAY_RATE_MODE: "off", GATEWAY_RATE_CEILING: "10" }, ["GATEWAY_RATE_CEILING"]],
    [{ GATEWAY_RATE_INITIAL: "10", GATEWAY_RATE_CEILING: "20" }, ["GATEWAY_RATE_INITIAL"]],
    [
      { GATEWAY_RATE_MODE: "adaptive", GATEWAY_RATE_INITIAL: "30", GATEWAY_RATE_CEILING: "20" },
      ["GATEWAY_RATE_INITIAL"],
    ],
  ])("rate settings that contradict each other are rejected: %j", (env, expected) => {
    expect(problemsOf({ ...minimal, ...env }).map(({ at }) => at)).toEqual(expected);
  });

  test.each([
    [{}, "adaptive"],
    [{ GATEWAY_RATE_CEILING: "10" }, "down-only"],
    [{ GATEWAY_RATE_MODE: "adaptive", GATEWAY_RATE_CEILING: "10" }, "adaptive"],
    [{ GATEWAY_RATE_MODE: "off" }, "off"],
  ])("the settings %j select the rate mode %s", (env, mode) => {
    expect(load({ ...minimal, ...env }).instances[0]?.rate.mode).toBe(mode);
  });

  test("a file that contains an API key is rejected", () => {
    const [env, files] = withYaml(
      twoInstances.replace("apiKeyFile: /eu-key", "apiKey: canary"),
      {},
    );
    const problems = problemsOf(env, files);
    expect(problems.map(({ at }) => at)).toEqual([
      "instances[0].apiKey",
      "instances[0].apiKeyFile",
    ]);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  test("a file that cannot be read is the only problem reported", () => {
    expect(problemsOf({ GATEWAY_CONFIG: "/none" })).toEqual([
      { at: "GATEWAY_CONFIG", what: "the file cannot be read (ENOENT)" },
    ]);
  });

  test("a variable of the single instance is rejected if the file lists instances", () => {
    const [env, files] = withYaml(twoInstances, { KP_INSTANCE_ID: id });
    expect(places(env, { ...files, "/eu-key": "key" })).toEqual(["KP_INSTANCE_ID"]);
  });
});

describe("rules between settings", () => {
  const tls = {
    GATEWAY_TLS_CERT_FILE: "/cert",
    GATEWAY_TLS_KEY_FILE: "/key",
    GATEWAY_TLS_CLIENT_CA_FILE: "/ca",
    GATEWAY_TLS_TRUST_DOMAINS: "example.org",
  };
  const without = (env: Env, ...names: string[]): Env =>
    Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));

  test.each<[string, Env, string[]]>([
    ["plaintext beyond loopback", { ...minimal, GATEWAY_LISTEN: "0.0.0.0:1" }, ["GATEWAY_LISTEN"]],
    [
      "plaintext beyond loopback by IPv6",
      { ...minimal, GATEWAY_LISTEN: "[::]:1" },
      ["GATEWAY_LISTEN"],
    ],
    [
      "plaintext that is allowed",
      { ...minimal, GATEWAY_LISTEN: "0.0.0.0:1", GATEWAY_ALLOW_PLAINTEXT: "true" },
      [],
    ],
    ["mutual TLS", { ...minimal, ...tls, GATEWAY_LISTEN: "0.0.0.0:1" }, []],
    [
      "TLS that lets anybody in",
      {
        ...minimal,
        ...without(tls, "GATEWAY_TLS_CLIENT_CA_FILE", "GATEWAY_TLS_TRUST_DOMAINS"),
        GATEWAY_LISTEN: "0.0.0.0:1",
      },
      ["GATEWAY_TLS_CLIENT_CA_FILE"],
    ],
    [
      "TLS without a key",
      { ...minimal, ...without(tls, "GATEWAY_TLS_KEY_FILE") },
      ["GATEWAY_TLS_KEY_FILE"],
    ],
    [
      "client certificates from anywhere",
      { ...minimal, ...without(tls, "GATEWAY_TLS_TRUST_DOMAINS") },
      ["GATEWAY_TLS_TRUST_DOMAINS"],
    ],
    [
      "trust domains without certificates",
      { ...minimal, ...without(tls, "GATEWAY_TLS_CLIENT_CA_FILE") },
      ["GATEWAY_TLS_TRUST_DOMAINS"],
    ],
    [
      "a certificate that is not there",
      { ...minimal, ...tls, GATEWAY_TLS_CERT_FILE: "/none" },
      ["GATEWAY_TLS_CERT_FILE"],
    ],
    [
      "http beyond loopback",
      { ...minimal, KP_SERVICE_URL: "http://kms.example" },
      ["KP_SERVICE_URL"],
    ],
    [
      "IAM by http beyond loopback",
      { ...minimal, IAM_AUTH_URL: "http://iam.example" },
      ["IAM_AUTH_URL"],
    ],
    [
      "http to loopback",
      { ...minimal, KP_SERVICE_URL: "http://127.0.0.1:1", IAM_AUTH_URL: "http://[::1]:2" },
      [],
    ],
    [
      "http that is allowed",
      { ...minimal, KP_SERVICE_URL: "http://kms.example", GATEWAY_ALLOW_INSECURE_UPSTREAM: "true" },
      [],
    ],
    ["a key with a space", { ...minimal, IBMCLOUD_API_KEY: "api key" }, ["IBMCLOUD_API_KEY"]],
    ["two keys", { ...minimal, IBMCLOUD_API_KEY_FILE: "/api-key" }, ["IBMCLOUD_API_KEY"]],
    [
      "a key file that is empty",
      { ...without(minimal, "IBMCLOUD_API_KEY"), IBMCLOUD_API_KEY_FILE: "/empty" },
      ["IBMCLOUD_API_KEY_FILE"],
    ],
    [
      "callers' tokens",
      { ...without(minimal, "IBMCLOUD_API_KEY"), GATEWAY_CREDENTIALS: "caller" },
      [],
    ],
    [
      "callers' tokens and a key",
      { ...minimal, GATEWAY_CREDENTIALS: "caller" },
      ["IBMCLOUD_API_KEY"],
    ],
    [
      "callers' tokens in plaintext",
      {
        ...without(minimal, "IBMCLOUD_API_KEY"),
        GATEWAY_CREDENTIALS: "caller",
        GATEWAY_LISTEN: "0.0.0.0:1",
        GATEWAY_ALLOW_PLAINTEXT: "true",
      },
      ["GATEWAY_LISTEN"],
    ],
    [
      "callers' tokens by TLS without client certificates",
      {
        ...without(minimal, "IBMCLOUD_API_KEY"),
        ...without(tls, "GATEWAY_TLS_CLIENT_CA_FILE", "GATEWAY_TLS_TRUST_DOMAINS"),
        GATEWAY_CREDENTIALS: "caller",
        GATEWAY_LISTEN: "0.0.0.0:1",
      },
      [],
    ],
    [
      "one address twice",
      { ...minimal, GATEWAY_LISTEN: "127.0.0.1:9464" },
      ["GATEWAY_ADMIN_LISTEN"],
    ],
    [
      "an attempt shorter than connecting",
      { ...minimal, GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "100" },
      ["GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS"],
    ],
    [
      "connecting that may take longer than a request by default",
      { ...minimal, GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "5000" },
      ["GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS"],
    ],
  ])("the rules between settings decide on %s", (_, env, expected) => {
    expect(places(env, { ...pem, "/api-key": "key", "/empty": "\n" })).toEqual(expected);
  });

  const expired = authority.issue({ notAfter: new Date(Date.now() - 1_000) });
  test.each<[string, Env, string, RegExp]>([
    ["a key of another certificate", { "/key": otherKey }, "KEY", /not that of the certificate/],
    ["a certificate in place of the key", { "/key": server.cert }, "KEY", /no usable private key/],
    ["a key in place of the certificate", { "/cert": server.key }, "CERT", /usable certificate/],
    ["a text that is no certificate", { "/cert": "pem" }, "CERT", /no usable certificate/],
    [
      "a certificate that has expired",
      { "/cert": expired.cert, "/key": expired.key },
      "CERT",
      /is not valid now/,
    ],
    ["no authority of clients", { "/ca": "pem" }, "CLIENT_CA", /no certificate in/],
    ["a leaf as authority of clients", { "/ca": server.cert }, "CLIENT_CA", /not that of an auth/],
  ])("the TLS files with %s are rejected", (_, wrong, name, what) => {
    const problems = problemsOf({ ...minimal, ...tls }, { ...pem, ...wrong });
    expect(problems).toEqual([
      { at: `GATEWAY_TLS_${name}_FILE`, what: expect.stringMatching(what) },
    ]);
    expect(problems[0]?.what).not.toContain("/cert");
  });

  test.each(["GATEWAY_UPSTREAM_CA_FILE", "GATEWAY_PROXY_CA_FILE", "GATEWAY_REDIS_CA_FILE"])(
    "%s has to name a file with certificates",
    (name) => {
      const env = { ...minimal, GATEWAY_REDIS_URL: "rediss://redis.test", [name]: "/ca" };
      expect(places(env, { "/ca": authority.cert })).toEqual([]);
      for (const text of [
        "pem",
        server.key,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      ]) {
        expect(problemsOf(env, { "/ca": text })).toEqual([
          { at: name, what: "names a file that contains no usable PEM certificate" },
        ]);
      }
    },
  );

  const ruleFor = (caller: string): [Env, Env] =>
    withYaml(`policy: {rules: [{callers: "${caller}", methods: "*"}]}`, { ...minimal, ...tls });
  test("a rule for a trust domain that is not accepted is rejected", () => {
    const [env, files] = ruleFor("spiffe://exmaple.org/app");
    expect(problemsOf(env, { ...pem, ...files })).toEqual([
      {
        at: "policy.rules[0].callers",
        what: expect.stringContaining("its trust domain is not in"),
      },
    ]);
  });

  test("a rule for a SPIFFE ID is rejected without client certificates", () => {
    const [env, files] = ruleFor("spiffe://example.org/app");
    expect(places(env, { ...pem, ...files })).toEqual([]);
    for (const names of [
      ["GATEWAY_TLS_CLIENT_CA_FILE", "GATEWAY_TLS_TRUST_DOMAINS"],
      Object.keys(tls),
    ]) {
      expect(places(without(env, ...names), { ...pem, ...files })).toEqual([
        "policy.rules[0].callers",
      ]);
    }
  });

  test("the rules between settings are checked although single values are wrong too", () => {
    const env = { ...minimal, GATEWAY_LISTEN: "0.0.0.0:1", GATEWAY_LOG_LEVEL: "loud" };
    expect(places(env)).toEqual(["GATEWAY_LOG_LEVEL", "GATEWAY_LISTEN"]);
  });

  test("an alias that two instances use is rejected", () => {
    const [env, files] = withYaml(twoInstances.replace("alias: us", "alias: eu"));
    expect(places(env, { ...files, "/eu-key": "key" })).toEqual(["instances[1].alias"]);
  });

  test("reflection is on by default for local listeners only", () => {
    const open = { ...minimal, GATEWAY_LISTEN: "0.0.0.0:1", GATEWAY_ALLOW_PLAINTEXT: "true" };
    expect(load(open).reflection).toBe(false);
    expect(load({ ...open, GATEWAY_REFLECTION: "on" }).reflection).toBe(true);
    expect(load({ ...minimal, GATEWAY_LISTEN: "unix:/a,localhost:1" }).reflection).toBe(true);
  });
});

describe("whatever is set", () => {
  const names = [...settingList.flatMap(({ env }) => env ?? []), "GATEWAY_CONFIG", "GATEWAY_X"];
  const canary = "c4n4ry";
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom("true", "2019", "caller", "1000", "/file", "https://h", id, `x ${canary}: [`),
    fc.string().map((text) => `${text}${canary}${text}`),
    fc.constant(canary),
  );
  const environment = fc.dictionary(fc.constantFrom(...names), value);
  const yaml = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .dictionary(
        fc.constantFrom("listen", "limits", "tls", "instances", "policy", "upstream"),
        fc.jsonValue(),
      )
      .map((tree) => JSON.stringify(tree)),
  );

  test("loadConfig throws nothing but a ConfigError, which shows no value, whatever is set", () => {
    fc.assert(
      fc.property(environment, yaml, (env, file) => {
        const problems = problemsOf(env, { "/file": file });
        expect(JSON.stringify(problems)).not.toContain(canary);
      }),
      { numRuns: 500 },
    );
  });

  test("no error and no description contains the API key", () => {
    fc.assert(
      fc.property(environment, (env) => {
        const set = { ...minimal, ...env, IBMCLOUD_API_KEY: `${canary}-key` };
        let shown: string;
        try {
          shown = describeConfig(load(set, { "/file": "" }));
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          shown = error.message + JSON.stringify(error.problems);
        }
        expect(shown).not.toContain(`${canary}-key`);
      }),
    );
  });
});

test("the description of a configuration is a file that yields the same configuration", () => {
  const [env, files] = withYaml(
    `${twoInstances}
listen: ["127.0.0.1:1", "unix:/run/a.sock"]
policy: {rules: [{callers: "spiffe://example.org/app/*", methods: KeysService/GetKey, instances: [eu]}]}
upstream: {attemptTimeoutMs: 2000}
breaker: {resetMs: 1000}
redis: {url: "rediss://redis.internal:6380", username: gateway, caFile: /cert}
replicas: {count: 2, quotaShare: redis}
tls: {certFile: /cert, keyFile: /key, clientCaFile: /ca, trustDomains: example.org}
`,
    {},
  );
  const more = { ...files, ...pem, "/eu-key": "key" };
  const config = load(env, more);
  const again = load({ GATEWAY_CONFIG: "/again" }, { ...more, "/again": describeConfig(config) });
  expect(again).toEqual(config);
});
