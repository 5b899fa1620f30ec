/**
 * No secret leaves the gateway, whatever the call and its failure. Planted leaks show that this
 * test would find one.
 */
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { MethodOf, RequestOf, ResponseOf } from "../../examples/unary-call.ts";
import { describeConfig } from "../../src/config/describe-config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import { createLogger } from "../../src/observability/logging/logger.ts";
import { createCellFamily } from "../../src/observability/metrics/families.ts";
import { underEachMisbehaviour } from "../support/misbehaviours.ts";
import { encryptForLocker } from "../support/import-material.ts";
import {
  allKeys,
  createKeyId,
  createKeyRequest,
  deleteKeyRequest,
  encryptedMaterial,
  generateDataKeyRequest,
  listKeysRequest,
  plainMaterial,
  rotateKeyRequest,
  rotationPolicy,
  unwrapKeyRequest,
  wrapKeyRequest,
} from "../support/requests.ts";
import { createSecretLedger } from "../support/secret-ledger.ts";
import { startTestGateway, type CallSettings } from "../support/start-gateway.ts";

describe("the scanner", () => {
  const hidden: readonly (readonly [string, (secret: Buffer) => string])[] = [
    ["as plain characters", (secret) => `before${secret.toString("latin1")}after`],
    ["as a string in JSON", (secret) => JSON.stringify({ at: secret.toString("latin1") })],
    ["in base64", (secret) => secret.toString("base64")],
    [
      "in base64 of something longer, one byte in",
      (secret) =>
        Buffer.concat([Buffer.alloc(1, 7), secret, Buffer.alloc(5, 9)]).toString("base64"),
    ],
    [
      "in base64 of something longer, two bytes in",
      (secret) =>
        Buffer.concat([Buffer.alloc(2, 7), secret, Buffer.alloc(4, 9)]).toString("base64"),
    ],
    [
      "in base64 of something longer, three bytes in",
      (secret) =>
        Buffer.concat([Buffer.alloc(3, 7), secret, Buffer.alloc(3, 9)]).toString("base64"),
    ],
    ["in base64url", (secret) => Buffer.concat([Buffer.alloc(2), secret]).toString("base64url")],
    [
      "in base64 of a JSON text that holds it in base64url",
      (secret) => `"${secret.toString("base64url")}"`,
    ],
    ["in hexadecimal", (secret) => `0x${secret.toString("hex")}`],
    ["in capital hexadecimal", (secret) => secret.toString("hex").toUpperCase()],
    ["as Node shows a buffer", (secret) => inspect({ secret })],
    ["as JSON shows a buffer", (secret) => JSON.stringify({ secret })],
    [
      "as JSON shows an array of bytes",
      (secret) => JSON.stringify(Uint8Array.from(secret)).replaceAll(/"\d+":/g, ""),
    ],
    [
      "but for all except its first sixteen bytes",
      (secret) => secret.toString("base64").slice(0, 22),
    ],
    ["but for all except its last sixteen bytes", (secret) => secret.subarray(-16).toString("hex")],
  ];

  test.each(hidden)("the scanner finds a secret %s", (_name, hide) => {
    // Many rounds, so that lucky bytes cannot hide a gap.
    for (let at = 0; at < 200; at += 1) {
      const secrets = createSecretLedger();
      const secret = secrets.bytes(32);
      expect(secrets.tracesIn(`{"msg":"a line"}\n${hide(secret)}\n`)).not.toEqual([]);
      expect(secrets.tracesIn(`{"msg":"a line"}\n${hide(randomBytes(32))}\n`)).toEqual([]);
    }
  });

  test("the scanner finds a readable secret as text", () => {
    const secrets = createSecretLedger();
    secrets.markText("an-api-key-of-somebody");
    secrets.mark(Buffer.from("größer als ein Schlüssel"));
    expect(secrets.tracesIn('{"key":"an-api-key-of-somebody"}')).not.toEqual([]);
    expect(secrets.tracesIn("größer als ein Schlüssel")).not.toEqual([]);
    expect(secrets.tracesIn('{"key":"an-api-key-of-nobody"}')).toEqual([]);
  });

  test("the scanner finds a secret that is logged under another name", () => {
    const secrets = createSecretLedger();
    const lines: string[] = [];
    const logger = createLogger({
      level: "trace",
      destination: { write: (line: string) => void lines.push(line) },
    });
    logger.info({ note: `it was ${secrets.bytes(32).toString("base64")}` }, "careless");
    expect(secrets.tracesIn(lines.join("\n"))).not.toEqual([]);
  });

  test("the scanner finds a secret in a metric and in a trailer", () => {
    const secrets = createSecretLedger();
    const counter = createCellFamily({
      name: "careless_total",
      type: "counter",
      help: "Counts by what it must not be labelled with.",
      labels: ["label"],
    });
    counter.cell(secrets.bytes(32).toString("hex")).value += 1;
    const trailers = new Metadata();
    trailers.set("grpc-status-details-bin", Buffer.concat([Buffer.from("x"), secrets.bytes(32)]));
    const text = JSON.stringify(trailers.toHttp2Headers());
    expect(secrets.tracesIn(counter.text())).toHaveLength(2);
    expect(secrets.tracesIn(text)).not.toEqual([]);
  });

  test("the scanner makes a test fail that discloses a secret", async () => {
    const gateway = await startTestGateway();
    const logged = gateway.secrets.mark(Buffer.from(gateway.emulator.instanceId));
    // The log contains the correlation ID, as it should. Declared a secret, it counts as a leak.
    await gateway.call(
      gateway.clients.keys,
      "countKeys",
      {},
      {
        metadata: { "x-correlation-id": logged.toString() },
      },
    );
    await expect(gateway[Symbol.asyncDispose]()).rejects.toThrow(/secret/);
  });
});

describe.each(["current", "2019"] as const)("in the dialect %s", (dialect) => {
  const printed: string[] = [];
  const onWarning = (warning: Error): void => void printed.push(inspect(warning));

  beforeEach(() => {
    printed.length = 0;
    for (const method of ["log", "info", "warn", "error", "debug", "trace"] as const) {
      vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
        printed.push(...values.map((value) => inspect(value)));
      });
    }
    process.on("warning", onWarning);
  });

  afterEach(() => {
    process.off("warning", onWarning);
    vi.restoreAllMocks();
  });

  test("no successful or failed RPC discloses a secret", async () => {
    await using gateway = await startTestGateway({
      dialect,
      // The rejections of one fault must not pause the calls of the next.
      env: { GATEWAY_RATE_MODE: "off", GATEWAY_BREAKER: "false" },
    });
    const { clients, emulator, secrets } = gateway;
    const shown: string[] = [];
    const tried = new Map<string, { ok: number; failed: number }>();

    /**
     * Makes a call and marks every byte string of its response as a secret, except those that are
     * meant to be stored or shown.
     */
    async function attempt<C extends object, M extends MethodOf<C>>(
      client: C,
      method: M,
      request: RequestOf<C, M>,
      settings?: CallSettings,
    ): Promise<ResponseOf<C, M> | undefined> {
      const { error, response } = await gateway.outcome(client, method, request, settings);
      const count = tried.get(method) ?? { ok: 0, failed: 0 };
      tried.set(method, count);
      if (error === null) count.ok += 1;
      else count.failed += 1;
      if (error !== null) {
        shown.push(
          inspect(error, {
            depth: 10,
            showHidden: true,
            maxArrayLength: null,
            maxStringLength: null,
          }),
        );
      }
      for (const [name, value] of Object.entries(response ?? {})) {
        const isSecret = ["plaintext", "keyMaterial", "nonce", "importToken"].includes(name);
        if (isSecret && Buffer.isBuffer(value)) secrets.mark(Buffer.from(value));
      }
      return response;
    }

    /** Calls all RPCs once, each with fresh secrets. */
    async function round(settings: () => CallSettings = () => ({})): Promise<void> {
      const { keys, actions, policies, lockers } = clients;
      const representation = { returnPreference: ReturnPreference.REPRESENTATION };
      const created = await attempt(
        keys,
        "createKey",
        createKeyRequest({ type: KeyType.STANDARD, ...representation }),
        settings(),
      );
      const standard = created?.key?.id ?? fixture.standard;
      await attempt(
        keys,
        "createKey",
        createKeyRequest({
          type: KeyType.STANDARD,
          material: plainMaterial(secrets.bytes(100)),
          ...representation,
        }),
        settings(),
      );
      await attempt(
        keys,
        "createKey",
        createKeyRequest({ material: plainMaterial(secrets.bytes(32)), ...representation }),
        settings(),
      );
      await attempt(keys, "getKey", { keyId: standard }, settings());
      await attempt(keys, "getKeyMaterial", { keyId: standard }, settings());
      await attempt(
        keys,
        "listKeys",
        listKeysRequest({ pageSize: 50, pageToken: "", skip: 0 }),
        settings(),
      );
      await attempt(keys, "countKeys", allKeys, settings());
      const plaintext = secrets.bytes(64);
      const wrapped = await attempt(
        actions,
        "wrapKey",
        wrapKeyRequest(fixture.root, plaintext, ["a"]),
        settings(),
      );
      await attempt(
        actions,
        "unwrapKey",
        unwrapKeyRequest(fixture.root, wrapped?.ciphertext ?? fixture.ciphertext, ["a"]),
        settings(),
      );
      await attempt(actions, "generateDataKey", generateDataKeyRequest(fixture.root), settings());
      await attempt(
        actions,
        "rotateKey",
        rotateKeyRequest(fixture.imported, { material: plainMaterial(secrets.bytes(32)) }),
        settings(),
      );
      await attempt(
        policies,
        "replaceKeyPolicies",
        { keyId: fixture.root, policies: [rotationPolicy(1)] },
        settings(),
      );
      await attempt(policies, "getKeyPolicies", { keyId: fixture.root, kind: 0 }, settings());
      const locker = await attempt(
        lockers,
        "createLocker",
        { ttl: undefined, maxAllowedRetrievals: 2 },
        settings(),
      );
      await attempt(lockers, "listLockers", { pageSize: 0, pageToken: "" }, settings());
      const retrieved = await attempt(
        lockers,
        "retrieveLocker",
        { lockerId: locker?.locker?.id ?? fixture.root },
        settings(),
      );
      if (retrieved !== undefined && retrieved.publicKey.length > 0) {
        const material = encryptForLocker(retrieved, secrets.bytes(32));
        await attempt(
          keys,
          "createKey",
          createKeyRequest({ material: encryptedMaterial(material) }),
          settings(),
        );
      }
      await attempt(keys, "deleteKey", deleteKeyRequest(standard, representation), settings());
    }

    const none: Buffer = Buffer.alloc(0);
    const fixture = {
      root: await createKeyId(gateway, { name: "root" }),
      imported: await createKeyId(gateway, { material: plainMaterial(secrets.bytes(32)) }),
      standard: await createKeyId(gateway, {
        type: KeyType.STANDARD,
        material: plainMaterial(secrets.bytes(64)),
      }),
      ciphertext: none,
    };
    const first = await gateway.call(
      clients.actions,
      "wrapKey",
      wrapKeyRequest(fixture.root, secrets.bytes(32), ["a"]),
    );
    fixture.ciphertext = first.ciphertext;

    await round();
    const succeeded = [...tried].filter(([, { ok }]) => ok > 0).map(([method]) => method);
    const unsupported = dialect === "current" ? ["listLockers"] : [];
    expect([...tried.keys()].filter((method) => !succeeded.includes(method))).toEqual(unsupported);
    expect(tried.size).toBe(15);

    await underEachMisbehaviour(gateway, round);

    // The caller's deadline passes in every state of the call.
    emulator.setLatency(30);
    await round(() => ({ deadline: Date.now() + 40 }));
    emulator.setLatency(0);

    // Key Protect rejects tokens. Then IAM rejects, with a body that quotes the API key.
    emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "respond", status: 401 },
    });
    await round();
    emulator.faults.clear();
    emulator.tokens.revokeAll();
    emulator.faults.add({
      match: { service: "iam" },
      action: {
        kind: "respond",
        status: 400,
        body: {
          errorCode: "BXNIM0415E",
          errorMessage: `no such key: ${emulator.apiKey}`,
          context: { apikey: emulator.apiKey },
        },
      },
    });
    await round();
    emulator.faults.clear();

    // Requests that break the rules, with secrets in every field.
    const stray = secrets.bytes(24).toString("hex");
    await attempt(
      clients.keys,
      "createKey",
      createKeyRequest({
        name: "\u0007" + stray.repeat(3),
        description: stray.repeat(10),
        tags: [`${stray},`],
        requestId: stray,
        material: plainMaterial(secrets.bytes(33)),
      }),
    );
    await attempt(clients.keys, "getKey", { keyId: `../${stray}` });
    await attempt(
      clients.keys,
      "listKeys",
      listKeysRequest({ pageSize: -1, pageToken: stray, skip: -1 }),
    );
    await attempt(
      clients.actions,
      "wrapKey",
      wrapKeyRequest("a b", secrets.bytes(4_000), [stray.repeat(20)]),
    );
    await attempt(clients.actions, "wrapKey", wrapKeyRequest(fixture.root, secrets.bytes(200_000)));
    await attempt(clients.actions, "unwrapKey", unwrapKeyRequest("", secrets.bytes(20_000)));
    await attempt(clients.lockers, "retrieveLocker", { lockerId: stray });
    await attempt(clients.keys, "countKeys", allKeys, {
      metadata: {
        authorization: `Bearer ${stray}`,
        "x-correlation-id": stray,
        "x-kp-instance": `${stray} ${stray}`,
      },
    });
    await attempt(clients.keys, "countKeys", allKeys, {
      metadata: { authorization: `Basic ${stray}`, cookie: stray },
    });

    // Finally the service stops.
    await emulator[Symbol.asyncDispose]();
    await round();

    expect([...tried].filter(([, { failed }]) => failed < 10)).toEqual([]);
    const { host, port } = gateway.gateway.admin;
    const admin = await Promise.all(
      ["metrics", "livez", "readyz", "", "metrics?at=1", "debug"].map(async (path) => {
        const headers = { connection: "close" };
        const answer = await fetch(`http://${host}:${port}/${path}`, { headers });
        return `${inspect(answer.headers)} ${await answer.text()}`;
      }),
    );
    const log = JSON.stringify(gateway.log());
    expect(log.length).toBeGreaterThan(100_000);
    expect(secrets.size).toBeGreaterThan(100);
    expect(secrets.tracesIn([log, ...shown, ...admin, ...printed].join("\n"))).toEqual([]);
    expect(printed).toEqual([]);
  }, 120_000);
});

describe("the configuration as it is shown", () => {
  test("the printed configuration and its errors have every secret redacted", () => {
    const secrets = createSecretLedger();
    const apiKey = secrets.markText(randomBytes(24).toString("base64url"));
    const clientSecret = secrets.markText(randomBytes(24).toString("base64url"));
    const client = { IAM_CLIENT_ID: "client", IAM_CLIENT_SECRET: clientSecret };
    const env = {
      KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com",
      KP_INSTANCE_ID: "e0a1b2c3-0000-4000-8000-000000000001",
      IBMCLOUD_API_KEY: apiKey,
    };
    const readFile = (path: string): string => {
      if (path === "/key") return apiKey;
      if (path === "/ibm.env") {
        return `IBM_KEY_PROTECT_API_APIKEY=${apiKey}x\nIBM_KEY_PROTECT_API_CLIENT_SECRET=${clientSecret}x\n`;
      }
      throw new Error(`no such file: ${path}`);
    };
    const config = loadConfig({ env: { ...env, ...client }, readFile });
    const described = describeConfig(config);
    expect(described).toContain("instanceId: e0a1b2c3-0000-4000-8000-000000000001");
    expect(described).toMatch(/apiKey: /);
    expect(described).toMatch(/clientSecret: /);

    const complaints = [
      { ...env, IBMCLOUD_API_KEY_FILE: "/key" },
      { ...env, ...client, IBM_CREDENTIALS_FILE: "/ibm.env" },
      { ...env, IBM_KEY_PROTECT_API_AUTH_TYPE: apiKey },
      { ...env, KP_AUTH_TYPE: "container", CR_TOKEN_FILENAME: "/key" },
      { ...env, IAM_CLIENT_SECRET: clientSecret },
      { ...env, IAM_CLIENT_ID: `${clientSecret}:`, IAM_CLIENT_SECRET: clientSecret },
      { ...env, GATEWAY_CREDENTIALS: "caller" },
      { ...env, KP_SERVICE_URL: `https://user:${apiKey}@us-south.kms.cloud.ibm.com` },
      { ...env, IBMCLOUD_APIKEY: apiKey, GATEWAY_LOG_LEVEL: apiKey, IBMCLOUD_API_KEY: "" },
    ].map((wrong) => {
      try {
        loadConfig({ env: wrong, readFile });
        return "";
      } catch (error) {
        return inspect(error, { depth: 10, showHidden: true });
      }
    });
    expect(complaints.filter((text) => text === "")).toEqual([]);
    expect(
      secrets.tracesIn(
        [described, inspect(config, { depth: 10, showHidden: true }), ...complaints].join("\n"),
      ),
    ).toEqual([]);
  });
});
