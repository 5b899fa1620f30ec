import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { KubernetesKmsConfig } from "../../../../src/config/endpoint.ts";
import { compare } from "../../../../src/doors/kubernetes-kms/doctor/compare.ts";
import { parseEncryptionConfiguration } from "../../../../src/doors/kubernetes-kms/doctor/encryption-configuration.ts";
import type { Finding } from "../../../../src/doors/kubernetes-kms/doctor/finding.ts";

const endpoint: KubernetesKmsConfig = {
  kind: "kubernetes-kms-v2",
  listen: { kind: "unix", path: "/run/keyprotect/kms.sock" },
  caller: "kubernetes",
  instance: "eu",
  keyId: "11111111-2222-4333-8444-555555555555",
  formerKeyIds: [],
  additionalData: [],
  maxStalenessMs: 180_000,
};
const kms = {
  apiVersion: "v2",
  name: "keyprotect",
  endpoint: "unix:///run/keyprotect/kms.sock",
  timeout: "3s",
};
const identity = { identity: {} };
const encryptionConfiguration = (...providers: readonly object[]): object => ({
  apiVersion: "apiserver.config.k8s.io/v1",
  kind: "EncryptionConfiguration",
  resources: [{ resources: ["secrets"], providers }],
});

/** The findings of the comparison, apart from what is as it should be. */
function findingsOf(tree: object | string): readonly string[] {
  const lists = parseEncryptionConfiguration(typeof tree === "string" ? tree : stringify(tree));
  if ("problem" in lists) return [`${lists.problem.at}: ${lists.problem.what}`];
  const found: Finding[] = [];
  compare(lists, [endpoint], (level, at, what) => void found.push({ level, at, what }));
  return found.flatMap(({ level, at, what }) =>
    level === "ok" ? [] : [`${level}: ${at}: ${what}`],
  );
}

const at = "resources[0].providers[0].kms";

describe("the comparison with an EncryptionConfiguration", () => {
  test("finds nothing in the one that the guide shows", () => {
    expect(findingsOf(encryptionConfiguration({ kms }, identity))).toEqual([]);
    const { timeout: _default, ...short } = kms;
    expect(findingsOf(encryptionConfiguration({ kms: short }, identity))).toEqual([]);
  });

  test.each([
    [
      { apiVersion: undefined },
      `problem: ${at}.apiVersion: is missing, which means v1; the gateway speaks v2 only`,
    ],
    [{ apiVersion: "v1" }, `problem: ${at}.apiVersion: is not v2; the gateway speaks v2 only`],
    [{ name: undefined }, `problem: ${at}.name: has to be a text without a colon`],
    [{ name: "a:b" }, `problem: ${at}.name: has to be a text without a colon`],
    [{ cachesize: 100 }, `problem: ${at}.cachesize: is not accepted with v2; remove it`],
    [{ timeout: "3" }, `problem: ${at}.timeout: has to be a positive duration, such as 3s`],
    [{ timeout: "0s" }, `problem: ${at}.timeout: has to be a positive duration, such as 3s`],
    [{ timeout: "-1s" }, `problem: ${at}.timeout: has to be a positive duration, such as 3s`],
    [
      { timeout: "500ms" },
      `problem: ${at}.timeout: is below 1s: a slow answer would count as a failure`,
    ],
    [
      { timeout: "1m30s" },
      `note: ${at}.timeout: is above 10s: health checks of the API server wait as long`,
    ],
  ])("finds %j", (change, finding) => {
    const changed = encryptionConfiguration({ kms: { ...kms, ...change } }, identity);
    expect(findingsOf(changed)).toEqual([finding]);
  });

  test.each(["unix:/run/a.sock", "unix:///@kms", "http://127.0.0.1:1", ""])(
    "finds that the address %j is no socket file",
    (address) => {
      const found = findingsOf(encryptionConfiguration({ kms: { ...kms, endpoint: address } }));
      expect(found[0]).toBe(
        `problem: ${at}.endpoint: has to be unix:// and the absolute path of a socket file`,
      );
    },
  );

  test("finds that no provider names the socket, and a socket of another program", () => {
    const other = { ...kms, endpoint: "unix:///run/other.sock" };
    expect(findingsOf(encryptionConfiguration({ kms: other }, identity))).toEqual([
      `note: ${at}.endpoint: names a socket that this gateway does not serve`,
      "problem: kubernetes: no provider has the endpoint unix:///run/keyprotect/kms.sock",
    ]);
  });

  test("finds that identity comes first, so that nothing is encrypted", () => {
    expect(findingsOf(encryptionConfiguration(identity, { kms }))).toEqual([
      "problem: resources[0].providers: begin with identity: new objects are stored unencrypted",
    ]);
  });

  test("notes another provider before, and that identity is missing", () => {
    expect(findingsOf(encryptionConfiguration({ aescbc: { keys: [] } }, { kms }))).toEqual([
      "note: resources[0].providers: begin with another one: new objects are encrypted by aescbc",
      "note: resources[0].providers: lack identity: objects that are stored unencrypted cannot be read",
    ]);
  });

  test("finds two providers of one name", () => {
    expect(findingsOf(encryptionConfiguration({ kms }, { kms }, identity))).toEqual([
      "problem: resources[0].providers[1].kms.name: is also the name of another provider; the API server refuses to start",
    ]);
  });

  test.each([
    ["a: [", "file: is not valid YAML"],
    ["", "file: is not what an EncryptionConfiguration has here"],
    [
      "kind: Pod\napiVersion: v1\nresources: []",
      "kind: is not what an EncryptionConfiguration has here",
    ],
    [
      stringify(encryptionConfiguration()),
      "resources.0.providers: is not what an EncryptionConfiguration has here",
    ],
  ])("says where the text %j has another form", (text, finding) => {
    expect(findingsOf(text)).toEqual([finding]);
  });

  test("repeats no value of the file, which may hold keys of other providers", () => {
    const secret = "c2VjcmV0IGtleSBvZiBhZXNjYmM=";
    const keys = [{ name: "key1", secret }];
    for (const tree of [
      encryptionConfiguration({ aescbc: { keys } }, { kms: { ...kms, timeout: secret } }),
      { ...encryptionConfiguration({ aescbc: { keys } }), resources: secret },
    ]) {
      expect(findingsOf(tree).join("\n")).not.toContain(secret);
    }
  });
});
