/** `kms doctor` as an operator runs it, beside a gateway that serves. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { startKmsDoor, type KmsDoor } from "../support/kms-door.ts";
import { startNode } from "./child-process.ts";

const main = join(import.meta.dirname, "..", "..", "src", "main.ts");

let door: KmsDoor;
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kms-doctor-"));
  door = await startKmsDoor();
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Runs the doctor with a configuration like the running gateway's, changed by `changes`. */
async function examine(changes: object = {}, args?: readonly string[]) {
  const { keyId, sockets, gateway } = door;
  const [socket = ""] = sockets;
  const file = join(folder, "encryption.yaml");
  const kms = { apiVersion: "v2", name: "keyprotect", endpoint: `unix://${socket}` };
  const providers = [{ kms }, { identity: {} }];
  await writeFile(
    file,
    stringify({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "EncryptionConfiguration",
      resources: [{ resources: ["secrets"], providers }],
    }),
  );
  const config = join(folder, "gateway.yaml");
  const endpoint = { kind: "kubernetes-kms-v2", listen: `unix:${socket}`, caller: "kubernetes" };
  await writeFile(config, stringify({ endpoints: [{ ...endpoint, keyId, ...changes }] }));
  const command = args ?? ["kms", "doctor", "--encryption-config", file];
  await using doctor = startNode(["--import", "tsx", main, ...command], {
    GATEWAY_CONFIG: config,
    KP_SERVICE_URL: gateway.emulator.url,
    KP_INSTANCE_ID: gateway.emulator.instanceId,
    IBMCLOUD_API_KEY: gateway.emulator.apiKey,
    IAM_AUTH_URL: gateway.emulator.url,
  });
  const { code } = await doctor.exit;
  return { code, stdout: doctor.stdout(), stderr: doctor.stderr() };
}

describe("kms doctor", () => {
  test("ends with 0 if the API server, the configuration and the running gateway fit together", async () => {
    const { code, stdout } = await examine();
    expect(stdout.split("\n").map((line) => line.replace(/ \S+\/\S+\/\S+$/, " …"))).toEqual([
      "ok       resources[0].providers[0].kms.endpoint: is the socket of the endpoint kubernetes",
      "ok       resources[0].providers: encrypt new secrets with the gateway",
      "ok       kubernetes: Status is ok",
      "ok       kubernetes: key_id is …",
      "0 problems",
      "",
    ]);
    expect(code).toBe(0);
  });

  test("ends with 1 and says so if nothing answers on the socket", async () => {
    const { code, stdout } = await examine({ listen: `unix:${folder}/nobody.sock` });
    expect(stdout).toContain("problem  kubernetes: no provider has the endpoint unix:///");
    expect(stdout).toContain("problem  kubernetes: nothing answers on the socket: ");
    expect(stdout).toMatch(/\n2 problems\n$/);
    expect(code).toBe(1);
  });

  test("ends with 1 if the running gateway uses another key than the configuration", async () => {
    const { code, stdout } = await examine({ keyId: "99999999-9999-4999-8999-999999999999" });
    expect(stdout).toContain("problem  kubernetes: key_id names another key");
    expect(code).toBe(1);
  });

  test("ends with 1 if the key cannot be used, with the reason", async () => {
    const { gateway, keyId } = door;
    await gateway.call(gateway.clients.keys, "disableKey", { keyId });
    door.passTime(15_000);
    const { code, stdout } = await examine();
    expect(stdout).toContain(
      "problem  kubernetes: Status is not ok: KEY_STATE_INVALID\n1 problem\n",
    );
    expect(code).toBe(1);
  });

  test("ends with 1 if the file cannot be read", async () => {
    const { code, stdout } = await examine({}, [
      "kms",
      "doctor",
      "--encryption-config",
      `${folder}/none`,
    ]);
    expect(stdout).toContain("problem  file: cannot be read (ENOENT)");
    expect(code).toBe(1);
  });

  test("ends with 78 if the gateway's own configuration cannot be used", async () => {
    const { code, stderr } = await examine({ keyId: "app" });
    expect(stderr).toContain("endpoints[0].keyId: has to be a UUID");
    expect(code).toBe(78);
  });

  test.each([
    [["kms"]],
    [["kms", "doctor"]],
    [["--encryption-config", "a"]],
    [["kms", "doctor", "--encryption-config", "a", "--check-config"]],
  ])("the command line %j is refused with the usage", async (args) => {
    const { code, stderr } = await examine({}, args);
    expect(stderr).toContain("usage: keyprotect-gateway");
    expect(code).toBe(64);
  });
});
