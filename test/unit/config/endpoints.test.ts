import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { describeConfig } from "../../../src/config/describe-config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { problemsWhen, readFrom } from "../../support/config-problems.ts";

const keyId = "11111111-2222-4333-8444-555555555555";
const otherKeyId = "22222222-2222-4333-8444-555555555555";
const instance = (alias: string, rest: object = {}) => ({
  alias,
  serviceUrl: "https://eu-de.kms.cloud.ibm.com",
  instanceId: "00000000-0000-4000-8000-000000000000",
  apiKeyFile: "key",
  ...rest,
});
const kms = {
  kind: "kubernetes-kms-v2",
  listen: "unix:/run/keyprotect/kms.sock",
  caller: "kubernetes",
  keyId,
};

function load(tree: object, warnings: unknown[] = []) {
  const text = stringify({ instances: [instance("eu")], ...tree });
  return loadConfig({
    env: { GATEWAY_CONFIG: "gateway.yaml" },
    readFile: readFrom({ "gateway.yaml": text, key: "an-api-key" }),
    onWarning: (warning) => warnings.push(warning),
  });
}

const problemsOf = (tree: object) => problemsWhen(() => load(tree));

describe("endpoints", () => {
  test("there are none unless the file lists them", () => {
    expect(load({}).endpoints).toEqual([]);
    expect(load({ endpoints: [] }).endpoints).toEqual([]);
  });

  test("an endpoint has defaults for all but kind, address, caller and key", () => {
    expect(load({ endpoints: [{ ...kms, keyId: keyId.toUpperCase() }] }).endpoints).toEqual([
      {
        kind: "kubernetes-kms-v2",
        listen: { kind: "unix", path: "/run/keyprotect/kms.sock" },
        caller: "kubernetes",
        instance: "eu",
        keyId,
        formerKeyIds: [],
        additionalData: [],
        maxStalenessMs: 180_000,
      },
    ]);
  });

  test("--check-config prints endpoints so that the text gives the same ones", () => {
    const endpoints = [
      { ...kms, formerKeyIds: [otherKeyId], additionalData: ["kms", "prod-1, eu"] },
      { ...kms, listen: "unix:/run/keyprotect/b.sock", caller: "b", maxStalenessMs: 60_000 },
    ];
    const config = load({ endpoints });
    const text = describeConfig(config);
    expect(text).toContain("listen: unix:/run/keyprotect/kms.sock");
    const again = loadConfig({
      env: { GATEWAY_CONFIG: "gateway.yaml" },
      readFile: readFrom({ "gateway.yaml": text, key: "an-api-key" }),
    });
    expect(again.endpoints).toEqual(config.endpoints);
  });

  test("all problems of all endpoints are reported at once", () => {
    const endpoints = [
      { kind: "kmip", listen: "nowhere", caller: "unix", keyId: "app", extra: 1 },
      { ...kms, listen: "0.0.0.0:7000", keyId: undefined },
      { ...kms, listen: "unix:/run/keyprotect/kms.sock", instance: "us" },
    ];
    expect(problemsOf({ endpoints }).map(({ at }) => at)).toEqual([
      "endpoints[0].kind",
      "endpoints[0].listen",
      "endpoints[0].caller",
      "endpoints[0].keyId",
      "endpoints[0].extra",
      "endpoints[1].listen",
      "endpoints[1].keyId",
      "endpoints[2].caller",
      "endpoints[2].instance",
    ]);
  });

  test.each(["0.0.0.0:7000", "10.0.0.1:7000", "kms.internal:7000", "[::]:7000"])(
    "the address %s is refused, even with allowPlaintext",
    (listen) => {
      expect(problemsOf({ endpoints: [{ ...kms, listen }], allowPlaintext: true })).toEqual([
        {
          at: "endpoints[0].listen",
          what: "has to be a Unix socket or a loopback address: clients of this protocol cannot be identified over a network, whatever else is set",
        },
      ]);
    },
  );

  test("a loopback address is refused where clients connect to Unix sockets only", () => {
    expect(problemsOf({ endpoints: [{ ...kms, listen: "127.0.0.1:7000" }] })).toEqual([
      {
        at: "endpoints[0].listen",
        what: "has to be a Unix socket: API servers connect to nothing else",
      },
    ]);
  });

  test("an address is refused that another endpoint or the gateway itself has", () => {
    const tree = {
      listen: "unix:/run/keyprotect/a.sock",
      endpoints: [
        { ...kms, listen: "unix:/run/keyprotect/a.sock", caller: "a" },
        { ...kms, listen: "unix:/run/keyprotect/b.sock", caller: "b" },
        { ...kms, listen: "unix:///run/keyprotect/b.sock", caller: "c" },
      ],
    };
    expect(problemsOf(tree)).toEqual([
      { at: "endpoints[0].listen", what: "names an address that is used twice" },
      { at: "endpoints[2].listen", what: "names an address that is used twice" },
    ]);
  });

  test.each(["", "unix", "anonymous", "*", "spiffe://a/b", "k8s:a/b", "a/b", "A", "-a", "7a"])(
    "the caller %j is refused: another listener could give it, or it is no name",
    (caller) => {
      expect(problemsOf({ endpoints: [{ ...kms, caller }] }).map(({ at }) => at)).toEqual([
        "endpoints[0].caller",
      ]);
    },
  );

  test("two endpoints cannot have the same caller", () => {
    const endpoints = [kms, { ...kms, listen: "unix:/run/keyprotect/b.sock" }];
    expect(problemsOf({ endpoints })).toEqual([
      { at: "endpoints[1].caller", what: "is also the caller of another endpoint" },
    ]);
  });

  test("an instance has to be named if there are several and none is the default", () => {
    const instances = [instance("eu"), instance("us")];
    expect(problemsOf({ instances, endpoints: [kms] })).toEqual([
      {
        at: "endpoints[0].instance",
        what: "is missing; there are several instances and none is the default",
      },
    ]);
    const named = load({ instances, defaultInstance: "us", endpoints: [kms] });
    expect(named.endpoints[0]?.instance).toBe("us");
  });

  test("an instance that callers use with their own tokens is refused", () => {
    const instances = [instance("eu", { credentials: "caller", apiKeyFile: undefined })];
    expect(problemsOf({ instances, endpoints: [kms] })).toEqual([
      {
        at: "endpoints[0].instance",
        what: "names an instance with `credentials: caller`, but clients of this endpoint have no token",
      },
    ]);
  });

  test("the dialect of 2019, which does not say key versions, is refused", () => {
    const instances = [instance("eu", { dialect: "2019" })];
    expect(problemsOf({ instances, endpoints: [kms] })).toEqual([
      {
        at: "endpoints[0].instance",
        what: "names an instance with the dialect `2019`, which does not say the version of a key: the API server could not notice a rotation",
      },
    ]);
  });

  test("a former key is refused that is the present one, and an alias in place of an ID", () => {
    expect(problemsOf({ endpoints: [{ ...kms, formerKeyIds: [keyId] }] })).toEqual([
      { at: "endpoints[0].formerKeyIds", what: "contains keyId, which decrypts anyway" },
    ]);
    expect(problemsOf({ endpoints: [{ ...kms, formerKeyIds: ["app"] }] })).toEqual([
      { at: "endpoints[0].formerKeyIds[0]", what: "has to be a list of at most 100 UUIDs" },
    ]);
  });

  test.each(["instance", "additionalData", "keyId"])(
    "the name %s without a value is refused",
    (name) => {
      const problems = problemsOf({ endpoints: [{ ...kms, [name]: null }] });
      expect(problems.map(({ at }) => at)).toEqual([`endpoints[0].${name}`]);
    },
  );

  test("no variable adds an endpoint", () => {
    const problems = problemsWhen(() =>
      loadConfig({
        env: { GATEWAY_ENDPOINTS: "kubernetes-kms-v2" },
        readFile: readFrom({}),
      }),
    );
    expect(problems).toContainEqual({
      at: "GATEWAY_ENDPOINTS",
      what: expect.stringContaining("there is no such variable"),
    });
  });
});

const allowing = (callers: readonly string[], methods: readonly string[]) => ({
  endpoints: [kms],
  policy: { rules: [{ callers, methods }] },
});

describe("access rules for endpoints", () => {
  test("may name the caller of an endpoint and the methods of its kind", () => {
    const warnings: unknown[] = [];
    load(allowing(["kubernetes"], ["KubernetesKms/*"]), warnings);
    expect(warnings).toEqual([]);
  });

  test("cannot name the caller of no endpoint", () => {
    expect(problemsOf(allowing(["kubernetes-2"], ["*"])).map(({ at }) => at)).toEqual([
      "policy.rules[0].callers",
    ]);
  });

  test("that refuse calls of an endpoint give a warning", () => {
    const warnings: unknown[] = [];
    load(allowing(["kubernetes"], ["KubernetesKms/Decrypt"]), warnings);
    expect(warnings).toEqual([
      {
        at: "endpoints[0].caller",
        what: "no rule of the policy allows this caller KubernetesKms/Status, KubernetesKms/Encrypt on the instance eu: such calls are refused",
      },
    ]);
  });
});
