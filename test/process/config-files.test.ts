/** Files that the configuration names and that are not regular small files. */
import { execFileSync } from "node:child_process";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApiKeyFile } from "../../src/iam/credentials/secret-file.ts";
import { readCertificates } from "../../src/grpc/server/certificates.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode } from "./child-process.ts";
import { gatewayEnv } from "./gateway-env.ts";

let built: BuiltGateway;
let fifo: string;
let huge: string;
beforeAll(async () => {
  built = await buildGateway();
  fifo = join(built.folder, "fifo");
  execFileSync("mkfifo", [fifo]);
  huge = join(built.folder, "huge");
  await writeFile(huge, "");
  await truncate(huge, 64 * 1_048_576);
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

const upstream = {
  url: "http://127.0.0.1:9",
  instanceId: "e0a1b2c3-0000-4000-8000-000000000001",
  apiKey: "an-api-key-that-nobody-may-see",
};

const names = [
  "IBMCLOUD_API_KEY_FILE",
  "GATEWAY_CONFIG",
  "GATEWAY_TLS_CERT_FILE",
  "GATEWAY_TLS_KEY_FILE",
  "GATEWAY_TLS_CLIENT_CA_FILE",
  "GATEWAY_UPSTREAM_CA_FILE",
  "GATEWAY_REDIS_CA_FILE",
  "GATEWAY_REDIS_PASSWORD_FILE",
];

test.each([
  ["a FIFO", "NOT_A_REGULAR_FILE", () => fifo],
  ["a device without end", "NOT_A_REGULAR_FILE", () => "/dev/zero"],
  ["a file of 64 MiB", "FILE_TOO_LARGE", () => huge],
])(
  "each setting that names %s is reported as %s, and --check-config ends with 78",
  async (_, code, path) => {
    const files = Object.fromEntries(names.map((name) => [name, path()]));
    const { env } = await gatewayEnv(upstream, { IBMCLOUD_API_KEY: "", ...files });
    await using gateway = startNode([built.main, "--check-config"], env);
    expect(await gateway.exit).toEqual({ code: 78, signal: null });
    for (const name of names) {
      const line = new RegExp(`^ {2}${name}: .*cannot be read \\(${code}\\)$`, "m");
      expect(gateway.stderr()).toMatch(line);
    }
  },
  20_000,
);

test("an API key file that is a FIFO ends a start with 78", async () => {
  const { env } = await gatewayEnv(upstream, { IBMCLOUD_API_KEY: "", IBMCLOUD_API_KEY_FILE: fifo });
  await using gateway = startNode([built.main], env);
  expect(await gateway.exit).toEqual({ code: 78, signal: null });
}, 20_000);

test("an API key file that a FIFO replaces is refused without waiting", async () => {
  await expect(createApiKeyFile(fifo).read()).rejects.toMatchObject({
    code: "API_KEY_UNREADABLE",
  });
});

test("certificates that a FIFO replaces are refused without waiting", async () => {
  const files = { certFile: fifo, keyFile: fifo, clientCaFile: fifo };
  await expect(readCertificates(files, 0)).rejects.toMatchObject({ code: "NOT_A_REGULAR_FILE" });
});
