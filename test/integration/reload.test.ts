/** A configuration that is read again while the gateway serves: applied whole, or not at all. */
import { mkdirSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:tls";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { defaultApiKey, secondApiKey } from "../../src/emulator/options.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { type ConfigFolder, createConfigFolder } from "../support/config-folder.ts";
import { eventually } from "../support/eventually.ts";
import { firstAnswer } from "../support/first-answer.ts";
import { createProjectedVolume } from "../support/projected-volume.ts";
import { createKeyRequest } from "../support/requests.ts";
import {
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from "../support/start-gateway.ts";

const refusal = "the configuration was read again and is refused; the old state stays in use";
const reloaded = "the configuration was reloaded";
const untouched = "the configuration was read again, and nothing has to be applied";

const policyFor = (...methods: readonly string[]) => ({
  policy: { rules: [{ callers: ["anonymous"], methods, instances: ["*"] }] },
});
const all = policyFor("*", "KeysService/DeleteKey");
const readOnly = policyFor("KeysService/CountKeys");

const startWith = (folder: ConfigFolder, options: TestGatewayOptions = {}): Promise<TestGateway> =>
  startTestGateway({
    reload: {},
    ...options,
    env: { GATEWAY_CONFIG: folder.yaml, GATEWAY_LOG_LEVEL: "", ...options.env },
  });

const linesOf = (gateway: TestGateway, message: string) =>
  gateway.log().filter(({ msg }) => msg === message);

/** The value of a series in `/metrics`. */
async function valueOf(gateway: TestGateway, series: string): Promise<number> {
  const line = (await gateway.metrics()).split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length));
}

const count = (gateway: TestGateway) => gateway.outcome(gateway.clients.keys, "countKeys", {});
const create = (gateway: TestGateway) =>
  gateway.outcome(gateway.clients.keys, "createKey", createKeyRequest());

describe("the access policy", () => {
  test("a new policy holds for calls that start after it, and a call in flight keeps its own", async () => {
    await using folder = await createConfigFolder(all);
    await using gateway = await startWith(folder);
    await count(gateway);
    gateway.emulator.faults.add({
      match: { service: "keyprotect", method: "POST" },
      delayMs: 400,
    });
    const inFlight = create(gateway);
    await firstAnswer(() => gateway.upstreamRequests().find((one) => one.startsWith("POST")));
    await folder.configure(readOnly);
    await gateway.gateway.reload();

    const { reason } = await gateway.failure(gateway.clients.keys, "createKey", createKeyRequest());
    expect(reason).toBe("CALLER_NOT_AUTHORIZED");
    expect((await count(gateway)).error).toBeNull();
    expect((await inFlight).error).toBeNull();
    expect(linesOf(gateway, reloaded)).toMatchObject([{ trigger: "signal", parts: ["policy"] }]);
    const series = 'keyprotect_gateway_config_reloads_total{result="applied"}';
    expect(await valueOf(gateway, series)).toBe(1);
  });

  test("a configuration with problems is refused whole with all of them, and its repair is applied", async () => {
    await using folder = await createConfigFolder(all);
    await using gateway = await startWith(folder);
    await folder.configure({
      ...policyFor("KeysService/CountKeys", "KeysService/NoSuchMethod"),
      logLevel: "error",
      limits: { maxReceiveBytes: 7 },
    });
    await gateway.gateway.reload();

    expect((await create(gateway)).error).toBeNull();
    expect(linesOf(gateway, refusal)).toMatchObject([{ level: "error", trigger: "signal" }]);
    const problems = String(linesOf(gateway, refusal)[0]?.["problems"]);
    expect(problems).toContain("policy.rules[0].methods: there is no method");
    expect(problems).toContain("limits.maxReceiveBytes: has to be a whole number");
    const ok = "keyprotect_gateway_config_last_reload_successful";
    expect(await valueOf(gateway, ok)).toBe(0);
    expect(
      await valueOf(gateway, 'keyprotect_gateway_config_reloads_total{result="refused"}'),
    ).toBe(1);

    await folder.configure(readOnly);
    await gateway.gateway.reload();
    expect((await create(gateway)).error).not.toBeNull();
    expect(await valueOf(gateway, ok)).toBe(1);
  });

  test("a policy that has gone from the file stays in force, and is named as needing a restart", async () => {
    await using folder = await createConfigFolder(readOnly);
    await using gateway = await startWith(folder);
    await folder.configure({ limits: { maxDeadlineMs: 20_000 } });
    await gateway.gateway.reload();

    const { reason } = await gateway.failure(gateway.clients.keys, "createKey", createKeyRequest());
    expect(reason).toBe("CALLER_NOT_AUTHORIZED");
    const needs = "a changed setting needs a restart";
    expect(linesOf(gateway, needs)).toMatchObject([
      { level: "warn", settings: ["limits.maxDeadlineMs", "policy"] },
    ]);
    expect(await valueOf(gateway, "keyprotect_gateway_config_restart_needs")).toBe(2);

    await folder.configure(readOnly);
    await gateway.gateway.reload();
    expect(await valueOf(gateway, "keyprotect_gateway_config_restart_needs")).toBe(0);
    expect(linesOf(gateway, needs)).toHaveLength(1);
  });
});

test("the log level is applied", async () => {
  await using folder = await createConfigFolder({ logLevel: "error" });
  await using gateway = await startWith(folder);
  await count(gateway);
  expect(linesOf(gateway, "call")).toHaveLength(0);
  await folder.configure({ logLevel: "debug" });
  await gateway.gateway.reload();
  await count(gateway);
  expect(linesOf(gateway, "call")).toHaveLength(1);
});

test("a signal without a change says that nothing has to be applied", async () => {
  await using folder = await createConfigFolder(all);
  await using gateway = await startWith(folder);
  await gateway.gateway.reload();
  expect(linesOf(gateway, untouched)).toMatchObject([{ trigger: "signal" }]);
  expect(linesOf(gateway, reloaded)).toEqual([]);
});

const authority = createCertificateAuthority("servers");
const issue = () => authority.issue({ dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });

async function serialNumber(gateway: TestGateway): Promise<string> {
  const port = Number(gateway.address.split(":").at(-1));
  const socket = connect({ port, host: "127.0.0.1", ca: authority.cert, ALPNProtocols: ["h2"] });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.destroy();
  }
}

describe("certificates", () => {
  test("a new pair is used for new connections, and a key of another certificate is refused", async () => {
    const first = issue();
    await using folder = await createConfigFolder(all, { crt: first.cert, key: first.key });
    await using gateway = await startWith(folder, {
      env: {
        GATEWAY_TLS_CERT_FILE: folder.pathOf("crt"),
        GATEWAY_TLS_KEY_FILE: folder.pathOf("key"),
      },
    });
    const before = await serialNumber(gateway);
    await folder.write("key", issue().key);
    await folder.configure(readOnly);
    await gateway.gateway.reload();
    expect(await serialNumber(gateway)).toBe(before);
    expect(linesOf(gateway, refusal)).toMatchObject([
      {
        problems: [expect.stringContaining("GATEWAY_TLS_KEY_FILE: the key in tls.keyFile is not")],
      },
    ]);

    const notAfter = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 86_400_000);
    const second = authority.issue({
      dnsNames: ["localhost"],
      ipAddresses: ["127.0.0.1"],
      notAfter,
    });
    await folder.write("crt", second.cert);
    await folder.write("key", second.key);
    await gateway.gateway.reload();
    expect(await serialNumber(gateway)).not.toBe(before);
    expect(linesOf(gateway, reloaded)).toMatchObject([
      { parts: ["certificates", "policy"], expiresAt: notAfter.toISOString() },
    ]);
  });
});

const used = 'keyprotect_gateway_credential_used_timestamp_seconds{instance="default"}';
const issued = "a token was issued for the new credential";
const iamRequests = (gateway: TestGateway) => gateway.emulator.requests.count({ service: "iam" });
const subject = ({ users }: Emulator, apiKey: string): string =>
  users.find((user) => user.apiKey === apiKey)?.subject ?? "";

const creatorOf = async (gateway: TestGateway, instance = "default"): Promise<string> => {
  const { key } = await gateway.call(
    gateway.clients.keys,
    "createKey",
    createKeyRequest({ returnPreference: ReturnPreference.REPRESENTATION }),
    { metadata: { "x-kp-instance": instance } },
  );
  return key?.createdBy ?? "";
};

const withFile = (folder: ConfigFolder): Promise<TestGateway> =>
  startWith(folder, {
    env: { IBMCLOUD_API_KEY: "", IBMCLOUD_API_KEY_FILE: folder.pathOf("api-key") },
  });

/** Two aliases of one instance, each with an API key file. */
const twoInstances = (emulator: { url: string; instanceId: string }, files: readonly string[]) => ({
  instances: files.map((apiKeyFile, at) => ({
    alias: `alias-${at}`,
    serviceUrl: emulator.url,
    instanceId: emulator.instanceId,
    iamUrl: emulator.url,
    apiKeyFile,
  })),
  defaultInstance: "alias-0",
});

describe("credentials", () => {
  test("a replaced API key is used at once, and the log and a metric say so", async () => {
    await using folder = await createConfigFolder({}, { "api-key": defaultApiKey });
    await using gateway = await withFile(folder);
    expect(await creatorOf(gateway)).toBe(subject(gateway.emulator, defaultApiKey));
    const before = await valueOf(gateway, used);
    expect(before).toBeGreaterThan(1_000_000_000);

    await folder.write("api-key", `${secondApiKey}\n`);
    await gateway.gateway.reload();
    await eventually(() => linesOf(gateway, issued).length === 1);
    expect(await creatorOf(gateway)).toBe(subject(gateway.emulator, secondApiKey));
    expect(linesOf(gateway, reloaded)).toMatchObject([{ parts: ["credentials"] }]);
    expect(await valueOf(gateway, used)).toBeGreaterThanOrEqual(before);
    expect(iamRequests(gateway)).toBe(2);
  });

  test("an API key that IAM refuses takes nothing down while the old token is valid", async () => {
    await using folder = await createConfigFolder({}, { "api-key": defaultApiKey });
    await using gateway = await withFile(folder);
    await count(gateway);
    await folder.write("api-key", "an-api-key-that-was-never-made");
    await gateway.gateway.reload();
    const refused = "IAM does not accept the gateway's credential";
    await eventually(() => linesOf(gateway, refused).length === 1);

    expect(linesOf(gateway, refused)).toMatchObject([{ hasUsableToken: true }]);
    expect(await creatorOf(gateway)).toBe(subject(gateway.emulator, defaultApiKey));
    expect(await valueOf(gateway, used)).toBe(0);

    await folder.write("api-key", secondApiKey);
    await gateway.gateway.reload();
    await eventually(() => linesOf(gateway, issued).length === 1);
    expect(await creatorOf(gateway)).toBe(subject(gateway.emulator, secondApiKey));
  });

  test("an API key file that goes away is refused, and the old key still gets tokens", async () => {
    await using folder = await createConfigFolder(all, { "api-key": defaultApiKey });
    await using gateway = await withFile(folder);
    await count(gateway);
    await rm(folder.pathOf("api-key"));
    await gateway.gateway.reload();
    expect(linesOf(gateway, refusal)).toMatchObject([
      { problems: ["IBMCLOUD_API_KEY_FILE: names a file that cannot be read (ENOENT)"] },
    ]);
    gateway.emulator.tokens.revokeAll();
    expect(await creatorOf(gateway)).toBe(subject(gateway.emulator, defaultApiKey));
    expect(iamRequests(gateway)).toBe(2);
  });

  test("an instance gets another credential than the one that it shared, and keeps the old one until the new one works", async () => {
    await using folder = await createConfigFolder({}, { one: defaultApiKey, two: "not-a-key" });
    const [one, two] = [folder.pathOf("one"), folder.pathOf("two")];
    const unset = ["IBMCLOUD_API_KEY", "KP_SERVICE_URL", "KP_INSTANCE_ID", "KP_API_DIALECT"];
    await using gateway = await startWith(folder, {
      env: Object.fromEntries(unset.map((name) => [name, ""])),
      prepare: (emulator) => folder.configure(twoInstances(emulator, [one, one])),
    });
    const { emulator } = gateway;
    const [alice, bob] = [subject(emulator, defaultApiKey), subject(emulator, secondApiKey)];
    expect(await creatorOf(gateway, "alias-1")).toBe(alice);
    expect(await creatorOf(gateway, "alias-0")).toBe(alice);
    expect(iamRequests(gateway)).toBe(1);

    await folder.configure(twoInstances(emulator, [one, two]));
    await gateway.gateway.reload();
    await eventually(() => iamRequests(gateway) === 2);
    expect(await creatorOf(gateway, "alias-1")).toBe(alice);

    await folder.write("two", secondApiKey);
    await gateway.gateway.reload();
    await eventually(() => linesOf(gateway, issued).length === 1);
    expect(await creatorOf(gateway, "alias-1")).toBe(bob);
    expect(await creatorOf(gateway, "alias-0")).toBe(alice);
    expect(iamRequests(gateway)).toBe(3);
  });
});

describe("files that change without a signal", () => {
  test("an API key in a volume that the kubelet replaces is used without a signal and without a failed call", async () => {
    await using folder = await createConfigFolder({});
    const volumeFolder = folder.pathOf("volume");
    mkdirSync(volumeFolder);
    const volume = createProjectedVolume(volumeFolder);
    volume.write(defaultApiKey);
    await using gateway = await startWith(folder, {
      reload: { pollMs: 50 },
      env: { IBMCLOUD_API_KEY: "", IBMCLOUD_API_KEY_FILE: volume.path },
    });
    await count(gateway);
    volume.write(secondApiKey);
    const errors: unknown[] = [];
    await eventually(async () => {
      errors.push((await count(gateway)).error);
      return linesOf(gateway, "a token was issued for the new credential").length === 1;
    });
    expect(errors.filter((error) => error !== null)).toEqual([]);
    expect(linesOf(gateway, reloaded)).toMatchObject([{ trigger: "file", parts: ["credentials"] }]);

    // Another file of the same secret has changed.
    volume.write(secondApiKey);
    const series = 'keyprotect_gateway_config_reloads_total{result="unchanged"}';
    await eventually(async () => (await valueOf(gateway, series)) === 1);
    expect(linesOf(gateway, reloaded)).toHaveLength(1);
    rmSync(volumeFolder, { recursive: true });
    await eventually(() => linesOf(gateway, refusal).length === 1);
  });
});
