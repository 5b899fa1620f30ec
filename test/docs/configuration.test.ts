import { expect, test } from "vitest";
import { compilePolicy } from "../../src/access/policy.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { rpcTable } from "../../src/rpc-table.ts";
import { fencesOf, readText } from "./documents.ts";

const example =
  fencesOf(readText("docs/configuration.md")).find(({ label }) => label === "yaml")?.body ?? "";

test("the example file of docs/configuration.md is valid, and its policy allows what it shows", () => {
  const authority = createCertificateAuthority();
  const server = authority.issue();
  const files: Readonly<Record<string, string>> = {
    "gateway.yaml": example,
    "/etc/keyprotect-gateway/tls/tls.crt": server.cert,
    "/etc/keyprotect-gateway/tls/tls.key": server.key,
    "/etc/keyprotect-gateway/tls/ca.crt": authority.cert,
  };
  const warnings: unknown[] = [];
  const config = loadConfig({
    env: { GATEWAY_CONFIG: "gateway.yaml" },
    readFile: (path) => files[path] ?? "content",
    onWarning: (warning) => warnings.push(warning),
  });
  expect(warnings).toEqual([]);
  expect(config.instances.map(({ alias, dialect }) => [alias, dialect])).toEqual([
    ["eu", "current"],
    ["legacy", "2019"],
  ]);

  const policy = compilePolicy(config.policy?.rules ?? []);
  const allowedTo = (caller: string, instance: string): string[] =>
    rpcTable.filter((rpc) => policy(caller, rpc, instance)).map(({ method }) => method);
  const orders = "spiffe://prod.example.org/ns/orders/sa/api";
  const rotator = "spiffe://prod.example.org/ns/key-admin/sa/rotator";
  expect(allowedTo(orders, "eu")).toEqual([
    "GetKey",
    "WrapKey",
    "GenerateDataKey",
    "UnwrapKey",
    "RewrapKey",
    "BatchWrapKey",
    "BatchUnwrapKey",
    "BatchRewrapKey",
    "RewrapStream",
  ]);
  expect(allowedTo(orders, "legacy")).toEqual([]);
  expect(allowedTo(rotator, "legacy")).toEqual([
    "CreateKey",
    "ListKeys",
    "CountKeys",
    "GetKey",
    "CancelKeyDeletion",
    "SyncKey",
    "ListKeyVersions",
    "RotateKey",
    "GetKeyPolicies",
    "ReplaceKeyPolicies",
  ]);
  expect(allowedTo("anonymous", "eu")).toEqual([]);
});
