/** The endpoint `sops`, with a generated client on its Unix socket. */
import { status } from "@grpc/grpc-js";
import { rm, stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { rpcsOfDoor } from "../../src/door-rpcs/door-rpcs.ts";
import type { Key } from "../../src/gen/sops/keyservice.ts";
import { eventually } from "../support/eventually.ts";
import { askReflection, checkHealth, listedServices } from "../support/standard-services.ts";
import { kmsKey, startSopsDoor, vaultKey, type SopsDoor } from "../support/sops-door.ts";

const arn = (rest: string): string => `arn:aws:kms:eu-de:000000000000:${rest}`;
const encrypt = ({ gateway, client }: SopsDoor, key: Key, plaintext = gateway.secrets.bytes(32)) =>
  gateway.call(client, "encrypt", { key, plaintext: Buffer.from(plaintext) });
const violationsOf = async (
  { gateway, client }: SopsDoor,
  method: "encrypt" | "decrypt",
  request: object,
): Promise<readonly string[]> => {
  const failure = await gateway.failure(client, method, request);
  expect(failure.reason).toBe("REQUEST_INVALID");
  expect(gateway.upstreamRequests()).toEqual([]);
  return (failure.badRequest?.fieldViolations ?? []).map(
    ({ field, reason }) => `${field} ${reason}`,
  );
};

test.each<[string, (door: SopsDoor) => Key]>([
  ["a Vault key by its ID", ({ keyId }) => vaultKey(keyId)],
  ["a Vault key by its ID in upper case", ({ keyId }) => vaultKey(keyId.toUpperCase())],
  ["a Vault key by its alias", () => vaultKey("sops-app")],
  ["an ARN with an ID", ({ keyId }) => kmsKey(arn(`key/${keyId}`))],
  [
    "an ARN with an alias, and a context",
    () => kmsKey(arn("alias/sops-app"), { team: "a", b: "" }),
  ],
])("what Encrypt returns for %s is text, and Decrypt returns the data key", async (_, keyOf) => {
  await using door = await startSopsDoor();
  const { gateway, client } = door;
  const dataKey = gateway.secrets.bytes(33);
  const key = keyOf(door);
  const { ciphertext } = await encrypt(door, key, dataKey);
  expect(ciphertext.toString("latin1")).toMatch(/^kp:v1:[A-Za-z0-9+/]+=*$/);
  const { plaintext } = await gateway.call(client, "decrypt", { key, ciphertext });
  expect(plaintext).toEqual(dataKey);
});

test("the context is the additional data, sorted, behind that of the endpoint", async () => {
  await using door = await startSopsDoor({ settings: { additionalData: ["sops", "prod"] } });
  const { gateway, keyId } = door;
  const dataKey = gateway.secrets.bytes(32);
  const key = kmsKey(arn(`key/${keyId}`), { team: "orders", app: "x y" });
  const { ciphertext } = await encrypt(door, key, dataKey);
  const bytes = Buffer.from(ciphertext.toString().slice("kp:v1:".length), "base64");
  const { plaintext } = await gateway.call(gateway.clients.actions, "unwrapKey", {
    keyId,
    ciphertext: bytes,
    additionalAuthenticatedData: ["sops", "prod", "app=x y", "team=orders"],
  });
  expect(plaintext).toEqual(dataKey);
});

test("a changed context, and a ciphertext of another key, are rejected by Key Protect", async () => {
  await using door = await startSopsDoor();
  const { gateway, client, keyId } = door;
  const { ciphertext } = await encrypt(door, kmsKey(arn(`key/${keyId}`), { team: "orders" }));
  const rejected = { code: "INVALID_ARGUMENT", reason: "CIPHERTEXT_REJECTED" };
  for (const context of [{}, { team: "billing" }, { Team: "orders" }, { team: "orders", a: "b" }]) {
    const key = kmsKey(arn(`key/${keyId}`), context);
    expect(await gateway.failure(client, "decrypt", { key, ciphertext })).toMatchObject(rejected);
  }
  const { ciphertext: foreign } = await gateway.call(gateway.clients.actions, "wrapKey", {
    keyId: door.otherKeyId,
    plaintext: gateway.secrets.bytes(32),
  });
  const printed = Buffer.from(`kp:v1:${foreign.toString("base64")}`);
  const request = { key: vaultKey(keyId), ciphertext: printed };
  expect(await gateway.failure(client, "decrypt", request)).toMatchObject(rejected);
});

describe("keys that are refused before anything is sent", () => {
  const plaintext = Buffer.alloc(32, 1);

  test("a key that matches none of the list is refused, by ID and by alias", async () => {
    await using door = await startSopsDoor();
    const { otherKeyId } = door;
    const name = "key.vault_key.key_name";
    for (const keyName of [otherKeyId, "other-app", "xsops-app"]) {
      const found = await violationsOf(door, "encrypt", { key: vaultKey(keyName), plaintext });
      expect(found).toEqual([`${name} KEY_NOT_ALLOWED`]);
    }
    const key = kmsKey(arn(`key/${otherKeyId}`));
    expect(await violationsOf(door, "encrypt", { key, plaintext })).toEqual([
      "key.kms_key.arn KEY_NOT_ALLOWED",
    ]);
  });

  test("all violations of a request are named at once", async () => {
    await using door = await startSopsDoor();
    const key = vaultKey("../keys", { vaultAddress: "https://vault.example", enginePath: "other" });
    expect(await violationsOf(door, "encrypt", { key })).toEqual([
      "key.vault_key.vault_address ADDRESS_NOT_ALLOWED",
      "key.vault_key.engine_path INSTANCE_NOT_ALLOWED",
      "key.vault_key.key_name FORMAT_INVALID",
      "plaintext REQUIRED",
    ]);
    const aws = kmsKey(
      "arn:aws:kms:eu-west-1:123456789012:key/x",
      { "a=b": "c", long: "x".repeat(255) },
      { role: "arn:aws:iam::1:role/x", awsProfile: "prod" },
    );
    expect(
      await violationsOf(door, "decrypt", { key: aws, ciphertext: Buffer.from("AA==") }),
    ).toEqual([
      "key.kms_key.arn ACCOUNT_NOT_ALLOWED",
      "key.kms_key.role UNSUPPORTED",
      "key.kms_key.aws_profile UNSUPPORTED",
      "key.kms_key.context CHARACTER_FORBIDDEN",
      "ciphertext FORMAT_INVALID",
    ]);
    expect(await violationsOf(door, "decrypt", {})).toEqual([
      "key REQUIRED",
      "ciphertext REQUIRED",
    ]);
  });

  test.each([
    ["no ARN", "keyprotect"],
    ["an ARN of another service", "arn:aws:s3:eu-de:000000000000:key/x"],
    ["an ID as alias", arn("alias/11111111-2222-4333-8444-555555555555")],
    ["an alias as key", arn("key/sops-app")],
    ["a path", arn("alias/sops-app/versions")],
  ])("an ARN that is %s is refused", async (_, text) => {
    await using door = await startSopsDoor();
    expect(await violationsOf(door, "encrypt", { key: kmsKey(text), plaintext })).toEqual([
      "key.kms_key.arn FORMAT_INVALID",
    ]);
  });

  test("more context than Key Protect takes, and control characters, are refused", async () => {
    await using door = await startSopsDoor();
    const key = `key/${door.keyId}`;
    const many = Object.fromEntries(Array.from({ length: 127 }, (_, at) => [`k${at}`, "v"]));
    for (const [context, reason] of [
      [many, "TOO_MANY"],
      [{ a: "b\n" }, "CHARACTER_FORBIDDEN"],
      [{ a: "b".repeat(254) }, "TOO_LONG"],
    ] as const) {
      const request = { key: kmsKey(arn(key), context), plaintext };
      expect(await violationsOf(door, "encrypt", request)).toEqual([
        `key.kms_key.context ${reason}`,
      ]);
    }
  });

  test.each<[string, Key["keyType"]]>([
    ["pgp_key", { $case: "pgpKey", value: { fingerprint: "A" } }],
    ["gcp_kms_key", { $case: "gcpKmsKey", value: { resourceId: "projects/a" } }],
    [
      "azure_keyvault_key",
      { $case: "azureKeyvaultKey", value: { vaultUrl: "https://a", name: "b", version: "c" } },
    ],
    ["age_key", { $case: "ageKey", value: { recipient: "age1" } }],
    ["hckms_key", { $case: "hckmsKey", value: { keyId: "eu:a" } }],
  ])(
    "a key of the type %s is UNIMPLEMENTED, and the text names the type",
    async (name, keyType) => {
      await using door = await startSopsDoor();
      const { gateway, client } = door;
      for (const method of ["encrypt", "decrypt"] as const) {
        const failure = await gateway.failure(client, method, { key: { keyType } });
        expect(failure).toMatchObject({ code: "UNIMPLEMENTED", reason: "OPERATION_UNSUPPORTED" });
        expect(failure.message).toContain(`the type ${name},`);
      }
      expect(gateway.upstreamRequests()).toEqual([]);
    },
  );

  test.each([
    ["without the prefix", "AAEC"],
    ["of another version", "kp:v2:AAEC"],
    ["without padding", "kp:v1:AA"],
    ["with a line end", "kp:v1:AAEC\n"],
    ["in the alphabet of URLs", "kp:v1:__-_"],
    ["that is empty", "kp:v1:"],
  ])("a ciphertext %s is refused", async (_, text) => {
    await using door = await startSopsDoor();
    const request = { key: vaultKey(door.keyId), ciphertext: Buffer.from(text) };
    expect(await violationsOf(door, "decrypt", request)).toEqual(["ciphertext FORMAT_INVALID"]);
  });
});

describe("calls through the endpoint", () => {
  test("a call without a deadline, as sops makes them, gets five seconds", () => {
    expect(rpcsOfDoor.sops.map(({ defaultDeadlineMs }) => defaultDeadlineMs)).toEqual([
      5_000, 5_000,
    ]);
  });

  test("the log and access rules know a call by the endpoint's caller and method", async () => {
    const rules = [
      { callers: ["sops"], methods: ["SopsKeyService/Encrypt"] },
      { callers: ["anonymous"], methods: ["AliasesService/*"] },
    ];
    await using door = await startSopsDoor({ config: { policy: { rules } } });
    const { gateway, client } = door;
    const { ciphertext } = await encrypt(door, vaultKey("sops-app"));
    expect(gateway.log().findLast(({ msg }) => msg === "call")).toMatchObject({
      method: "KeyService/Encrypt",
      caller: "sops",
      instance: "default",
    });
    const request = { key: vaultKey("sops-app"), ciphertext };
    expect(await gateway.failure(client, "decrypt", request)).toMatchObject({
      code: "PERMISSION_DENIED",
      reason: "CALLER_NOT_AUTHORIZED",
    });
  });

  test("a failure of Key Protect arrives with its reason", async () => {
    await using door = await startSopsDoor();
    const { gateway, client, keyId } = door;
    await gateway.call(gateway.clients.keys, "disableKey", { keyId });
    const request = { key: vaultKey("sops-app"), plaintext: gateway.secrets.bytes(32) };
    expect(await gateway.failure(client, "encrypt", request)).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "KEY_STATE_INVALID",
    });
  });
});

describe("the server of the endpoint", () => {
  test("health and reflection know the service without a package, and none of the gateway", async () => {
    await using door = await startSopsDoor();
    const target = `unix:${door.socket}`;
    await eventually(async () => (await checkHealth(target, "readiness")) === "SERVING");
    expect(await checkHealth(target, "KeyService")).toBe("SERVING");
    expect(await checkHealth(target, "keyprotect.v1.KeysService")).toBe("NOT_FOUND");
    expect(await listedServices(target)).toEqual(["KeyService", "grpc.health.v1.Health"]);
    const answers = ["KeyService", "KeyService.Encrypt", "EncryptRequest", "NoService"].map(
      async (fileContainingSymbol) => {
        const answer = await askReflection(target, { fileContainingSymbol });
        expect(answer).toMatchObject({ originalRequest: { fileContainingSymbol } });
        return typeof answer === "string" ? answer : answer.fileDescriptorResponse !== undefined;
      },
    );
    expect(await Promise.all(answers)).toEqual([true, true, true, false]);
  });

  test("a message and metadata above the limits are refused", async () => {
    await using door = await startSopsDoor();
    const { gateway, client } = door;
    const request = { key: vaultKey("sops-app"), plaintext: gateway.secrets.bytes(32) };
    const large = { ...request, plaintext: Buffer.alloc(200_000) };
    const { error } = await gateway.outcome(client, "encrypt", large);
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
    const metadata = { "x-filler": "x".repeat(20_000) };
    expect(await gateway.failure(client, "encrypt", request, { metadata })).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "METADATA_TOO_LARGE",
    });
  });

  test("a drain lets a call finish and removes the socket", async () => {
    const door = await startSopsDoor();
    const { gateway } = door;
    gateway.emulator.setLatency(300);
    const running = encrypt(door, vaultKey("sops-app"));
    await eventually(() => gateway.emulator.requests.count({ service: "keyprotect" }) > 0);
    await gateway.gateway.drain();
    expect((await running).ciphertext.length).toBeGreaterThan(0);
    await expect(stat(door.socket)).rejects.toThrow("ENOENT");
    door.client.close();
    await gateway.emulator[Symbol.asyncDispose]();
    await rm(door.folder, { recursive: true });
  });
});
