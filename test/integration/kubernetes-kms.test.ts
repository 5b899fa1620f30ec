/** The endpoint `kubernetes-kms-v2`, with a generated client on its Unix socket. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { startKmsDoor, type KmsDoor } from "../support/kms-door.ts";

/** The requests that reached Key Protect, such as `wrap`. */
const actionsOf = ({ gateway }: KmsDoor): string[] =>
  gateway.upstreamRequests().map((request) => request.replace(/^.*\/actions\//, ""));

/** Rotates or disables the first key, as an operator would past the endpoint. */
const manage = ({ gateway, keyId }: KmsDoor, rpc: "rotateKey" | "disableKey" | "enableKey") =>
  rpc === "rotateKey"
    ? gateway.call(gateway.clients.actions, rpc, { keyId })
    : gateway.call(gateway.clients.keys, rpc, { keyId });

const status = ({ gateway, client }: KmsDoor) => gateway.call(client, "status", {});

const encrypt = ({ gateway, client }: KmsDoor, plaintext = gateway.secrets.bytes(32)) =>
  gateway.call(client, "encrypt", { plaintext: Buffer.from(plaintext), uid: randomUUID() });

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

describe("Status, Encrypt and Decrypt", () => {
  test("what Encrypt returns is named by Status before, and is decrypted by Decrypt", async () => {
    await using door = await startKmsDoor();
    const { gateway, client, keyId } = door;
    const seed = gateway.secrets.bytes(32);
    const before = await status(door);
    expect(before).toEqual({
      version: "v2",
      healthz: "ok",
      keyId: expect.stringMatching(new RegExp(`^${gateway.emulator.instanceId}/${keyId}/${uuid}$`)),
    });
    const encrypted = await encrypt(door, seed);
    expect(encrypted.keyId).toBe(before.keyId);
    expect(encrypted.annotations).toEqual({});
    expect(encrypted.ciphertext.length).toBeLessThanOrEqual(1_024);
    const { plaintext } = await gateway.call(client, "decrypt", {
      ciphertext: encrypted.ciphertext,
      keyId: encrypted.keyId,
      uid: randomUUID(),
    });
    expect(plaintext).toEqual(seed);
    expect(actionsOf(door)).toEqual(["wrap", "wrap", "unwrap"]);
  });

  test("many calls of Status make one wrap in 15 seconds", async () => {
    await using door = await startKmsDoor();
    await Promise.all(Array.from({ length: 20 }, () => status(door)));
    door.passTime(14_000);
    await status(door);
    expect(actionsOf(door)).toEqual(["wrap"]);
    door.passTime(2_000);
    await status(door);
    expect(actionsOf(door)).toEqual(["wrap", "wrap"]);
  });

  test("after a rotation Status names the new version, and old ciphertexts are decrypted", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const seed = gateway.secrets.bytes(32);
    const old = await encrypt(door, seed);
    await manage(door, "rotateKey");
    expect((await status(door)).keyId).toBe(old.keyId);
    door.passTime(15_000);
    const { keyId, healthz } = await status(door);
    expect(healthz).toBe("ok");
    expect(keyId).not.toBe(old.keyId);
    expect((await encrypt(door)).keyId).toBe(keyId);
    const { plaintext } = await gateway.call(client, "decrypt", old);
    expect(plaintext).toEqual(seed);
  });

  test("an Encrypt that meets a rotation makes the next Status name its version", async () => {
    await using door = await startKmsDoor();
    const before = await status(door);
    await manage(door, "rotateKey");
    const encrypted = await encrypt(door);
    expect(encrypted.keyId).not.toBe(before.keyId);
    expect((await status(door)).keyId).toBe(encrypted.keyId);
  });

  test("the API server's UID is the correlation ID everywhere, and is logged", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const uid = randomUUID();
    const { headers } = await gateway.outcome(client, "encrypt", {
      plaintext: gateway.secrets.bytes(32),
      uid,
    });
    expect(headers.get("x-correlation-id")).toEqual([uid]);
    const [request] = gateway.emulator.requests.list({ operation: "wrapKey" });
    expect(request?.headers["correlation-id"]).toBe(uid);
    expect(gateway.log().find(({ msg }) => msg === "call")).toMatchObject({
      method: "v2.KeyManagementService/Encrypt",
      caller: "kubernetes-0",
      instance: "default",
      peer: "unix",
      uid,
      correlationId: uid,
      upstreamAttempts: 1,
    });
  });
});

describe("keys that an endpoint may use", () => {
  test("a ciphertext of a former key is decrypted, and of no other key", async () => {
    await using door = await startKmsDoor({
      endpoints: 3,
      settingsOf: (at, keyIds) => (at === 2 ? { formerKeyIds: [keyIds[0]] } : {}),
    });
    const { gateway, clients } = door;
    const [first, , third] = clients;
    if (first === undefined || third === undefined) throw new Error("an endpoint is missing");
    const seed = gateway.secrets.bytes(32);
    const old = await encrypt(door, seed);
    const { plaintext } = await gateway.call(third, "decrypt", old);
    expect(plaintext).toEqual(seed);

    const request = { plaintext: gateway.secrets.bytes(32), uid: "" };
    const newest = await gateway.call(third, "encrypt", request);
    gateway.emulator.requests.clear();
    const failure = await gateway.failure(first, "decrypt", newest);
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" });
    expect(failure.badRequest?.fieldViolations).toMatchObject([
      { field: "key_id", reason: "KEY_NOT_ALLOWED" },
    ]);
    expect(gateway.upstreamRequests()).toEqual([]);
  });

  test("a ciphertext that another cluster encrypted with the same key is not decrypted", async () => {
    await using door = await startKmsDoor({
      endpoints: 2,
      settingsOf: (at, keyIds) => ({
        keyId: keyIds[0],
        additionalData: ["kubernetes-kms-v2", `cluster-${at}`],
      }),
    });
    const { gateway, clients, client } = door;
    const [, other] = clients;
    if (other === undefined) throw new Error("an endpoint is missing");
    const encrypted = await encrypt(door);
    expect(await gateway.failure(other, "decrypt", encrypted)).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "CIPHERTEXT_REJECTED",
    });
    await gateway.call(client, "decrypt", encrypted);
  });
});

describe("requests that break a rule", () => {
  const good = `e0a1b2c3-0000-4000-8000-000000000001/${randomUUID()}/${randomUUID()}`;

  test.each([
    ["without any field", {}, ["ciphertext REQUIRED", "key_id REQUIRED"]],
    [
      "with a key_id of another form and a ciphertext that is too long",
      { ciphertext: Buffer.alloc(1_025, 1), keyId: "../../keys" },
      ["ciphertext TOO_LONG", "key_id FORMAT_INVALID"],
    ],
    [
      "for a key that is not allowed, with annotations",
      { ciphertext: Buffer.alloc(10), keyId: good, annotations: { "a.b": Buffer.from("x") } },
      ["key_id KEY_NOT_ALLOWED", "annotations UNSUPPORTED"],
    ],
  ])("a Decrypt %s is refused with all violations", async (_, request, expected) => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const failure = await gateway.failure(client, "decrypt", request);
    expect(failure.reason).toBe("REQUEST_INVALID");
    const found = failure.badRequest?.fieldViolations.map(
      ({ field, reason }) => `${field} ${reason}`,
    );
    expect(found).toEqual(expected);
    expect(gateway.upstreamRequests()).toEqual([]);
  });

  test.each([
    [0, "REQUIRED"],
    [3_073, "TOO_LONG"],
  ])("an Encrypt of %i bytes is refused", async (length, reason) => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const failure = await gateway.failure(client, "encrypt", { plaintext: Buffer.alloc(length) });
    expect(failure.badRequest?.fieldViolations).toMatchObject([{ field: "plaintext", reason }]);
    expect(gateway.upstreamRequests()).toEqual([]);
  });

  test("a ciphertext that the API server would not store is an error, and changes no Status", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const failure = await gateway.failure(client, "encrypt", {
      plaintext: gateway.secrets.bytes(1_500),
    });
    expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_BAD_RESPONSE" });
    expect(failure.message).toMatch(
      /^the ciphertext of Key Protect has \d+ bytes, and callers of this endpoint accept at most 1024$/,
    );
    expect((await status(door)).healthz).toBe("ok");
  });

  test("a wrap whose answer names no key version is an error", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    gateway.emulator.faults.add({
      match: { operation: "wrapKey" },
      action: { kind: "rewrite", patch: { keyVersion: null } },
    });
    expect(
      await gateway.failure(client, "encrypt", { plaintext: gateway.secrets.bytes(32) }),
    ).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_BAD_RESPONSE" });
    expect(await status(door)).toMatchObject({ healthz: "UPSTREAM_BAD_RESPONSE", keyId: "" });
  });
});

describe("a key or an upstream that cannot be used", () => {
  test("a disabled key is reported at once by its reason, and so is its return", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const encrypted = await encrypt(door);
    await manage(door, "disableKey");
    door.passTime(15_000);
    expect(await status(door)).toEqual({ version: "v2", healthz: "KEY_STATE_INVALID", keyId: "" });
    expect(await gateway.failure(client, "decrypt", encrypted)).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "KEY_STATE_INVALID",
    });
    gateway.emulator.clock.advance(60_000);
    await manage(door, "enableKey");
    door.passTime(3_000);
    expect(await status(door)).toMatchObject({ healthz: "ok", keyId: encrypted.keyId });
  });

  test("an upstream that is down does not show for three minutes, then by its reason", async () => {
    await using door = await startKmsDoor();
    const { gateway } = door;
    const { keyId } = await status(door);
    gateway.emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "reset", when: "before-processing" },
    });
    door.passTime(120_000);
    expect(await status(door)).toEqual({ version: "v2", healthz: "ok", keyId });
    door.passTime(60_000);
    const { healthz, keyId: stale } = await status(door);
    expect(["UPSTREAM_UNAVAILABLE", "CIRCUIT_OPEN"]).toContain(healthz);
    expect(stale).toBe(keyId);
    gateway.emulator.faults.clear();
    door.passTime(60_000);
    expect(await status(door)).toEqual({ version: "v2", healthz: "ok", keyId });
  });

  test("an upstream that does not answer holds Status for at most its deadline", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    gateway.emulator.faults.add({ match: { service: "keyprotect" }, action: { kind: "hang" } });
    const deadline = Date.now() + 500;
    const answer = await gateway.call(client, "status", {}, { deadline });
    expect(answer).toEqual({ version: "v2", healthz: "DEADLINE_UPSTREAM", keyId: "" });
    expect(Date.now()).toBeLessThan(deadline + 200);
  });
});
