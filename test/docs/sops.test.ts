/** The configuration of docs/sops.md is loaded, and the endpoint accepts the keys of the page. */
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig } from "../../src/config/load-config.ts";
import { createReadKey } from "../../src/doors/sops/named-key.ts";
import type { FieldViolation } from "../../src/grpc/status/status-error.ts";
import { kmsKey, vaultKey } from "../support/sops-door.ts";
import { readText } from "./documents.ts";

const text = readText("docs/sops.md");
// Blocks of a list are indented.
const blocks = [...text.matchAll(/^( *)```yaml\n([^]*?)^\1```$/gm)].map(
  ([, indent = "", body = ""]) => body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
);

const rules = z.object({ creation_rules: z.array(z.record(z.string(), z.string())) });

test("the endpoint of docs/sops.md is valid, and accepts the keys of both forms that it shows", () => {
  const [configuration = "", ...keys] = blocks;
  const { endpoints } = loadConfig({
    env: { GATEWAY_CONFIG: "/gateway.yaml" },
    readFile: (path) => (path === "/gateway.yaml" ? configuration : "an-api-key"),
  });
  const [endpoint] = endpoints;
  if (endpoint?.kind !== "sops") throw new Error("the page shows another endpoint");
  const shown = keys.map((each) => rules.parse(parse(each)).creation_rules[0] ?? {});
  const uri = shown[0]?.["hc_vault_transit_uri"] ?? "";
  // As sops itself takes such a URI apart.
  const [, vaultAddress, enginePath, keyName = ""] =
    /^(https:\/\/[^/]+)\/v1\/(.+)\/keys\/([^/]+)$/.exec(uri) ?? [];
  const readKey = createReadKey(endpoint);
  const violations: FieldViolation[] = [];
  readKey(vaultKey(keyName, { vaultAddress, enginePath }), violations);
  readKey(kmsKey(shown[1]?.["kms"] ?? "", { team: "orders" }), violations);
  expect(violations).toEqual([]);
  expect(shown[1]?.["encryption_context"]).toBe("team:orders");
});
