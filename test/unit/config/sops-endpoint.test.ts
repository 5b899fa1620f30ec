/** Endpoints of the kind `sops` in the configuration. */
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { describeConfig } from "../../../src/config/describe-config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { problemsWhen, readFrom } from "../../support/config-problems.ts";

const id = "11111111-2222-4333-8444-555555555555";
const sops = {
  kind: "sops",
  listen: "unix:/run/keyprotect/sops.sock",
  caller: "sops",
  keys: [id, "sops-*"],
};
const kms = { kind: "kubernetes-kms-v2", listen: "unix:/run/kms.sock", caller: "k", keyId: id };
const instance = {
  alias: "eu",
  serviceUrl: "https://eu-de.kms.cloud.ibm.com",
  instanceId: "00000000-0000-4000-8000-000000000000",
  apiKeyFile: "key",
};

const loadText = (text: string) =>
  loadConfig({
    env: { GATEWAY_CONFIG: "gateway.yaml" },
    readFile: readFrom({ "gateway.yaml": text, key: "an-api-key" }),
  });
const load = (...endpoints: readonly object[]) =>
  loadText(stringify({ instances: [instance], endpoints }));
const problemsOf = (...endpoints: readonly object[]): readonly string[] =>
  problemsWhen(() => load(...endpoints)).map(({ at }) => at);

test("an endpoint has defaults for all but kind, address, caller and keys", () => {
  expect(load(sops).endpoints).toEqual([
    {
      kind: "sops",
      listen: { kind: "unix", path: "/run/keyprotect/sops.sock" },
      caller: "sops",
      instance: "eu",
      keys: [id, "sops-*"],
      vaultAddress: "https://keyprotect.internal",
      additionalData: [],
    },
  ]);
});

test("--check-config prints the endpoint so that the text gives the same one", () => {
  const rest = { additionalData: ["sops"], vaultAddress: "http://kp:8200" };
  const config = load({ ...sops, ...rest }, kms);
  expect(loadText(describeConfig(config)).endpoints).toEqual(config.endpoints);
});

test("sops may connect over a loopback address, and over no other", () => {
  expect(problemsOf({ ...sops, listen: "127.0.0.1:7000" })).toEqual([]);
  expect(problemsOf({ ...sops, listen: "10.0.0.1:7000" })).toEqual(["endpoints[0].listen"]);
});

test("an endpoint without a list of keys, or with an empty one, is refused", () => {
  expect(problemsOf({ ...sops, keys: undefined })).toEqual(["endpoints[0].keys"]);
  for (const keys of [[], [""], ["a b"], ["../a"], ["-a"], "sops-*x y"]) {
    expect(problemsOf({ ...sops, keys })[0]).toMatch(/^endpoints\[0\]\.keys/);
  }
});

test("a vaultAddress with a path, a slash or a user is refused", () => {
  for (const vaultAddress of ["kp", "https://kp/", "https://kp/v1", "https://a:b@kp", "ftp://kp"]) {
    expect(problemsOf({ ...sops, vaultAddress })).toEqual(["endpoints[0].vaultAddress"]);
  }
});

test("settings of another kind are refused, because they would have no effect", () => {
  const foreign = { keyId: id, formerKeyIds: [id], maxStalenessMs: 60_000 };
  expect(problemsOf({ ...sops, ...foreign }).toSorted()).toEqual([
    "endpoints[0].formerKeyIds",
    "endpoints[0].keyId",
    "endpoints[0].maxStalenessMs",
  ]);
  expect(problemsOf({ ...kms, keys: ["a"], vaultAddress: "https://kp" }).toSorted()).toEqual([
    "endpoints[0].keys",
    "endpoints[0].vaultAddress",
  ]);
});
