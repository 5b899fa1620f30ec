/**
 * Endpoints of every kind: their listener, their caller, access rules, limits, health, reflection,
 * metrics and drain. An endpoint of the kind `kubernetes-kms-v2` stands for all.
 */
import { credentials, status, type ServiceError } from "@grpc/grpc-js";
import { stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { KeyManagementServiceClient } from "../../src/gen/kubernetes/kms/v2/api.ts";
import { createConfigFolder } from "../support/config-folder.ts";
import { eventually } from "../support/eventually.ts";
import { checkHealth, listedServices } from "../support/standard-services.ts";
import { startKmsDoor, type KmsDoor } from "../support/kms-door.ts";
import { startTestGateway } from "../support/start-gateway.ts";

const codeOf = (error: ServiceError | null): string =>
  error === null ? "OK" : (status[error.code] ?? "");
const plaintextOf = ({ gateway }: KmsDoor) => ({ plaintext: gateway.secrets.bytes(32) });

describe("an endpoint", () => {
  test("serves its own protocol and nothing else, and no other listener serves it", async () => {
    await using door = await startKmsDoor();
    const { gateway, sockets } = door;
    const keys = new KeysServiceClient(`unix:${sockets[0]}`, credentials.createInsecure());
    const kms = new KeyManagementServiceClient(gateway.address, credentials.createInsecure());
    expect(codeOf((await gateway.outcome(keys, "countKeys", {})).error)).toBe("UNIMPLEMENTED");
    expect(codeOf((await gateway.outcome(kms, "status", {})).error)).toBe("UNIMPLEMENTED");
    keys.close();
    kms.close();
  });

  test("is a socket that only its owner and group can open", async () => {
    await using door = await startKmsDoor();
    expect((await stat(door.sockets[0] ?? "")).mode & 0o777).toBe(0o660);
  });

  test("is named in the log when it is open", async () => {
    await using door = await startKmsDoor({ endpoints: 2 });
    const opened = door.gateway.log().filter(({ msg }) => msg === "an endpoint is open");
    expect(opened).toMatchObject(
      door.sockets.map((path, at) => ({
        kind: "kubernetes-kms-v2",
        caller: `kubernetes-${at}`,
        instance: "default",
        address: { kind: "unix", path },
      })),
    );
  });

  test("does not let metadata choose the caller, the instance, a key ring or a priority", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const metadata = {
      "x-kp-instance": "another",
      "x-kp-key-ring": "another-ring",
      "x-kp-priority": "bulk",
      authorization: "Bearer abcdefghijklmnop",
    };
    await gateway.call(client, "encrypt", plaintextOf(door), { metadata });
    const [request] = gateway.emulator.requests.list({ operation: "wrapKey" });
    expect(request?.headers["x-kms-key-ring"]).toBeUndefined();
    expect(request?.headers["bluemix-instance"]).toBe(gateway.emulator.instanceId);
    expect(gateway.log().find(({ msg }) => msg === "call")).toMatchObject({
      caller: "kubernetes-0",
      instance: "default",
    });
  });

  test("accepts no metadata above the limits of the other listeners", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const metadata = { "x-filler": "x".repeat(20_000) };
    expect(await gateway.failure(client, "status", {}, { metadata })).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "METADATA_TOO_LARGE",
    });
  });

  test("accepts no message above the limit, and counts its call by its own name", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const { error } = await gateway.outcome(client, "encrypt", {
      plaintext: Buffer.alloc(200_000),
    });
    expect(codeOf(error)).toBe("RESOURCE_EXHAUSTED");
    expect(await gateway.metrics()).toContain(
      'grpc_server_started_total{grpc_type="unary",grpc_service="KubernetesKms",grpc_method="Encrypt"} 1',
    );
  });
});

const rule = (methods: readonly string[], callers = ["kubernetes-0"]) => ({
  policy: { rules: [{ callers, methods }] },
});

describe("the access rules", () => {
  test("decide for an endpoint by its caller and the names of its methods", async () => {
    await using door = await startKmsDoor({ config: rule(["KubernetesKms/Status"]) });
    const { gateway, client } = door;
    expect(await gateway.call(client, "status", {})).toMatchObject({ healthz: "ok" });
    gateway.emulator.requests.clear();
    const failure = await gateway.failure(client, "encrypt", plaintextOf(door));
    expect(failure).toMatchObject({ code: "PERMISSION_DENIED", reason: "CALLER_NOT_AUTHORIZED" });
    expect(failure.resourceInfo?.resourceName).toBe("KubernetesKms/Encrypt");
    expect(gateway.upstreamRequests()).toEqual([]);
  });

  test("that allow callers on Unix sockets everything allow an endpoint nothing", async () => {
    await using door = await startKmsDoor({ config: rule(["*"], ["unix", "anonymous"]) });
    const { gateway, client } = door;
    expect(await gateway.failure(client, "status", {})).toMatchObject({
      reason: "CALLER_NOT_AUTHORIZED",
    });
  });

  test("of one endpoint are not those of another", async () => {
    await using door = await startKmsDoor({ endpoints: 2, config: rule(["KubernetesKms/*"]) });
    const { gateway, clients } = door;
    const codes = clients.map(async (client) =>
      codeOf((await gateway.outcome(client, "status", {})).error),
    );
    expect(await Promise.all(codes)).toEqual(["OK", "PERMISSION_DENIED"]);
  });
});

test("a new access rule applies to a running endpoint, and a new endpoint needs a restart", async () => {
  await using folder = await createConfigFolder({});
  const socket = folder.pathOf("kms.sock");
  const endpoint = {
    kind: "kubernetes-kms-v2",
    listen: `unix:${socket}`,
    caller: "kubernetes-0",
    keyId: "11111111-2222-4333-8444-555555555555",
  };
  const settings = { endpoints: [endpoint], ...rule(["KubernetesKms/*"]) };
  await folder.configure(settings);
  await using gateway = await startTestGateway({
    reload: {},
    env: { GATEWAY_CONFIG: folder.yaml, GATEWAY_LOG_LEVEL: "" },
  });
  const client = new KeyManagementServiceClient(`unix:${socket}`, credentials.createInsecure());
  expect(codeOf((await gateway.outcome(client, "status", {})).error)).toBe("OK");

  await folder.configure({ ...settings, ...rule(["KubernetesKms/Decrypt"]) });
  await gateway.gateway.reload();
  const { error } = await gateway.outcome(client, "status", {});
  expect(codeOf(error)).toBe("PERMISSION_DENIED");
  client.close();

  const second = { ...endpoint, listen: `unix:${socket}2`, caller: "kubernetes-1" };
  await folder.configure({ ...settings, endpoints: [endpoint, second] });
  await gateway.gateway.reload();
  const needed = gateway.log().find(({ msg }) => msg === "a changed setting needs a restart");
  expect(needed).toMatchObject({ settings: ["endpoints"] });
});

describe("the outbound layers", () => {
  test("count the calls of an endpoint as WrapKey and UnwrapKey", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const encrypted = await gateway.call(client, "encrypt", plaintextOf(door));
    await gateway.call(client, "decrypt", encrypted);
    const metrics = await gateway.metrics();
    for (const method of ["Encrypt", "Decrypt"]) {
      expect(metrics).toContain(
        `grpc_server_handled_total{grpc_type="unary",grpc_service="KubernetesKms",grpc_method="${method}",grpc_code="OK"} 1`,
      );
    }
    for (const operation of ["WrapKey", "UnwrapKey"]) {
      expect(metrics).toMatch(
        new RegExp(
          `keyprotect_gateway_upstream_requests_total\\{[^}]*operation="${operation}"[^}]*\\} 1`,
        ),
      );
    }
  });

  test("share one request among Decrypts of the same ciphertext", async () => {
    await using door = await startKmsDoor();
    const { gateway, client } = door;
    const encrypted = await gateway.call(client, "encrypt", plaintextOf(door));
    gateway.emulator.setLatency(100);
    await Promise.all(Array.from({ length: 5 }, () => gateway.call(client, "decrypt", encrypted)));
    expect(gateway.emulator.requests.count({ operation: "unwrapKey" })).toBe(1);
  });

  test("reject calls of an endpoint while the circuit is open, and its health says so", async () => {
    await using door = await startKmsDoor();
    const { gateway, client, sockets } = door;
    const upstream = () => checkHealth(`unix:${sockets[0]}`, "keyprotect.upstream");
    expect(await upstream()).toBe("SERVING");
    gateway.emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "respond", status: 503 },
    });
    await eventually(async () => {
      const { reason } = await gateway.failure(client, "encrypt", plaintextOf(door));
      return reason === "CIRCUIT_OPEN";
    });
    expect(await upstream()).toBe("NOT_SERVING");
  });
});

describe("health and reflection of an endpoint", () => {
  test("health knows its service, readiness and liveness, and no service of the gateway", async () => {
    await using door = await startKmsDoor();
    const target = `unix:${door.sockets[0]}`;
    await eventually(async () => (await checkHealth(target, "readiness")) === "SERVING");
    for (const name of ["", "liveness", "v2.KeyManagementService"]) {
      expect(await checkHealth(target, name)).toBe("SERVING");
    }
    expect(await checkHealth(target, "keyprotect.v1.KeysService")).toBe("NOT_FOUND");
  });

  test("reflection shows its service, and only with the setting of the other listeners", async () => {
    await using door = await startKmsDoor();
    expect(await listedServices(`unix:${door.sockets[0]}`)).toEqual([
      "grpc.health.v1.Health",
      "v2.KeyManagementService",
    ]);
    await using closed = await startKmsDoor({ env: { GATEWAY_REFLECTION: "off" } });
    expect(await listedServices(`unix:${closed.sockets[0]}`)).toBe("UNIMPLEMENTED");
  });
});

test("a drain lets a call of an endpoint finish, refuses new ones and removes the socket", async () => {
  const door = await startKmsDoor();
  const { gateway, client } = door;
  const [socket = ""] = door.sockets;
  gateway.emulator.setLatency(1_000);
  const running = gateway.call(client, "encrypt", plaintextOf(door));
  await eventually(() => gateway.emulator.requests.count({ service: "keyprotect" }) > 0);
  const drained = gateway.gateway.drain();
  await eventually(() => gateway.log().some(({ msg }) => msg === "draining"));
  const late = new KeyManagementServiceClient(`unix:${socket}`, credentials.createInsecure());
  let isRunning = true;
  void running.finally(() => (isRunning = false));
  // Every server of the gateway begins its drain in a turn of its own.
  await eventually(async () => {
    const { error } = await gateway.outcome(late, "status", {}, { deadline: Date.now() + 100 });
    return codeOf(error) === "UNAVAILABLE";
  });
  expect(isRunning).toBe(true);
  late.close();
  expect((await running).ciphertext.length).toBeGreaterThan(0);
  await drained;
  await expect(stat(socket)).rejects.toThrow("ENOENT");
  await door.remove();
});

test("without endpoints there are neither their listeners nor their metrics", async () => {
  await using door = await startKmsDoor({ config: { endpoints: [] } });
  expect(door.gateway.gateway.doors).toEqual([]);
  expect(await door.gateway.metrics()).not.toContain("KubernetesKms");
});
