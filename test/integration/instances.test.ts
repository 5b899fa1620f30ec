/** Several instances behind one gateway, their allowed callers, and the addresses to connect to. */
import { mkdtemp, rm } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { credentials, makeGenericClientConstructor, Metadata } from "@grpc/grpc-js";
import { loadSync, type MethodDefinition } from "@grpc/proto-loader";
import { service as healthService } from "grpc-health-check";
import { describe, expect, test } from "vitest";
import type { User } from "../../src/emulator/user.ts";
import { KeyType } from "../../src/gen/keyprotect/v1/key.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { formatListenAddress } from "../../src/config/listen-address.ts";
import { eventually } from "../support/eventually.ts";
import { connectRaw, frame } from "../support/raw-grpc.ts";
import {
  createKeyId,
  createKeyRequest,
  deleteKeyRequest,
  generateDataKeyRequest,
  rotateKeyRequest,
  wrapKeyRequest,
  dualAuthPolicy,
} from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const instanceIds = [
  "e0a1b2c3-0000-4000-8000-00000000000a",
  "e0a1b2c3-0000-4000-8000-00000000000b",
] as const;
/** Each user can reach one instance only, so a call with the other user's token would fail. */
const users: readonly User[] = [
  {
    apiKey: "api-key-of-the-first-instance",
    subject: "IBMid-FIRST",
    roles: ["Manager"],
    instanceIds: [instanceIds[0]],
  },
  {
    apiKey: "api-key-of-the-second-instance",
    subject: "IBMid-SECOND",
    roles: ["Manager"],
    instanceIds: [instanceIds[1]],
  },
];
const onFirst = { metadata: { "x-kp-instance": "first" } };
const onSecond = { metadata: { "x-kp-instance": "second" } };

interface Settings {
  /** Text appended to the YAML file. */
  readonly yaml?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a gateway, configured by a file, with the instance `first` of the current dialect and
 * `second` of 2019.
 */
async function startTwo({ yaml = "", env = {} }: Settings = {}): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), "gateway-instances-"));
  const paths = [join(folder, "first-key"), join(folder, "second-key")] as const;
  const gateway = await startTestGateway({
    emulator: { instanceIds, users },
    env: {
      GATEWAY_CONFIG: "/etc/gateway.yaml",
      KP_SERVICE_URL: "",
      KP_INSTANCE_ID: "",
      KP_API_DIALECT: "",
      IBMCLOUD_API_KEY: "",
      ...env,
    },
    files: (emulator) => {
      const files: Record<string, string> = {};
      for (const [at, path] of paths.entries()) {
        files[path] = users[at]?.apiKey ?? "";
        writeFileSync(path, files[path]);
      }
      const instances = `
instances:
  - alias: first
    serviceUrl: ${emulator.url}
    instanceId: ${instanceIds[0]}
    apiKeyFile: ${paths[0]}
  - alias: second
    serviceUrl: ${emulator.url}
    instanceId: ${instanceIds[1]}
    dialect: "2019"
    apiKeyFile: ${paths[1]}
`;
      return { ...files, "/etc/gateway.yaml": instances + yaml };
    },
  });
  const dispose = gateway[Symbol.asyncDispose].bind(gateway);
  return Object.assign(gateway, {
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await dispose();
      await rm(folder, { recursive: true });
    },
  });
}

describe("two instances", () => {
  test("x-kp-instance selects the instance, which has its own dialect and credential", async () => {
    await using gateway = await startTwo();
    const { keys, actions } = gateway.clients;
    const [ofFirst, ofSecond] = [
      await createKeyId(gateway, {}, onFirst.metadata),
      await createKeyId(gateway, {}, onSecond.metadata),
    ];
    const plaintext = gateway.secrets.bytes(32);
    await gateway.call(actions, "wrapKey", wrapKeyRequest(ofFirst, plaintext), onFirst);
    await gateway.call(actions, "wrapKey", wrapKeyRequest(ofSecond, plaintext), onSecond);
    expect(gateway.upstreamRequests()).toEqual([
      "POST /api/v2/keys",
      "POST /api/v2/keys",
      `POST /api/v2/keys/${ofFirst}/actions/wrap`,
      `POST /api/v2/keys/${ofSecond}?action=wrap`,
    ]);
    const seen = gateway.emulator.requests
      .list({ service: "keyprotect" })
      .map(({ instanceId, status }) => `${instanceId} ${status}`);
    expect(seen).toEqual([
      `${instanceIds[0]} 201`,
      `${instanceIds[1]} 201`,
      `${instanceIds[0]} 200`,
      `${instanceIds[1]} 200`,
    ]);
    const [first, second] = [
      await gateway.call(keys, "getKey", { keyId: ofFirst }, onFirst),
      await gateway.call(keys, "getKey", { keyId: ofSecond }, onSecond),
    ];
    expect([first.key?.createdBy, second.key?.createdBy]).toEqual(["IBMid-FIRST", "IBMid-SECOND"]);
    expect(gateway.emulator.requests.count({ service: "iam" })).toBe(2);
    expect(
      gateway
        .log()
        .filter(({ msg }) => msg === "call")
        .map(({ instance }) => instance),
    ).toEqual(["first", "second", "first", "second", "first", "second"]);
  });

  test("a key of one instance is not found in another", async () => {
    await using gateway = await startTwo();
    const { keys, actions } = gateway.clients;
    const keyId = await createKeyId(gateway, {}, onFirst.metadata);
    for (const failure of [
      await gateway.failure(keys, "getKey", { keyId }, onSecond),
      await gateway.failure(actions, "generateDataKey", generateDataKeyRequest(keyId), onSecond),
      await gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId), onSecond),
    ]) {
      expect(failure).toMatchObject({ code: "NOT_FOUND", reason: "KEY_NOT_FOUND" });
      expect(failure.resourceInfo?.description).toBe('looked up in instance "second"');
    }
    expect(await gateway.call(keys, "countKeys", {}, onFirst)).toEqual({ totalSize: 1 });
    expect(await gateway.call(keys, "countKeys", {}, onSecond)).toEqual({ totalSize: 0 });
  });

  test("an instance works while the other one fails", async () => {
    await using gateway = await startTwo();
    const { keys } = gateway.clients;
    gateway.emulator.faults.add({
      match: { instanceId: instanceIds[0] },
      action: { kind: "respond", status: 503 },
    });
    const failure = await gateway.failure(keys, "countKeys", {}, onFirst);
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNAVAILABLE" });
    expect(await gateway.call(keys, "countKeys", {}, onSecond)).toEqual({ totalSize: 0 });
  });

  test("a call without x-kp-instance goes to the configured default instance", async () => {
    await using gateway = await startTwo({ yaml: "defaultInstance: second\n" });
    await gateway.call(gateway.clients.keys, "countKeys", {});
    expect(gateway.emulator.requests.list({ service: "keyprotect" })).toMatchObject([
      { instanceId: instanceIds[1] },
    ]);
  });

  test("a call without x-kp-instance gets INSTANCE_UNKNOWN if no default is configured", async () => {
    await using gateway = await startTwo();
    const failure = await gateway.failure(gateway.clients.keys, "createKey", createKeyRequest());
    expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INSTANCE_UNKNOWN" });
    expect(gateway.upstreamRequests()).toEqual([]);
  });

  test.each(["second ", " second", "second\t", "\u00e9", ""])(
    "a call whose x-kp-instance is %j on the wire runs on no instance",
    async (alias) => {
      await using gateway = await startTwo();
      const port = Number(gateway.address.split(":").at(-1));
      await using raw = await connectRaw(port);
      const answer = await raw.call("/keyprotect.v1.KeysService/CountKeys", {
        headers: { "x-kp-instance": alias },
        body: frame(Buffer.alloc(0)),
      });
      expect(answer.headers["grpc-status"]).toBe("3");
      expect(gateway.upstreamRequests()).toEqual([]);
    },
  );

  test("an unknown instance alias gets INSTANCE_UNKNOWN, and nothing is sent", async () => {
    await using gateway = await startTwo();
    const { keys } = gateway.clients;
    for (const alias of ["third", "FIRST", instanceIds[0], "first,second"]) {
      const failure = await gateway.failure(
        keys,
        "countKeys",
        {},
        {
          metadata: { "x-kp-instance": alias },
        },
      );
      expect(failure).toMatchObject({ code: "INVALID_ARGUMENT", reason: "INSTANCE_UNKNOWN" });
    }
    expect(gateway.upstreamRequests()).toEqual([]);
  });
});

describe("rules of the configuration", () => {
  const yaml = `
policy:
  rules:
    - { callers: [anonymous], methods: ["*"], instances: [first] }
    - { callers: [anonymous], methods: [KeysService/DeleteKey], instances: [first] }
    - { callers: [anonymous], methods: ["KeysService/*"], instances: [second] }
    - { callers: [unix], methods: [KeysService/GetKeyMaterial] }
`;

  test("a rule covers a sensitive RPC only if it names the RPC", async () => {
    await using gateway = await startTwo({ yaml });
    const { keys, actions, policies, lockers } = gateway.clients;
    const keyId = await createKeyId(gateway, { type: KeyType.STANDARD }, onFirst.metadata);
    const before = gateway.upstreamRequests().length;
    const lockerId = keyId;
    const newLocker = { ttl: undefined, maxAllowedRetrievals: 0 };
    const newPolicies = { keyId, policies: [dualAuthPolicy(true)] };
    const denied = [
      await gateway.failure(lockers, "createLocker", newLocker, onFirst),
      await gateway.failure(policies, "replaceKeyPolicies", newPolicies, onFirst),
      await gateway.failure(keys, "getKeyMaterial", { keyId }, onFirst),
      await gateway.failure(actions, "rotateKey", rotateKeyRequest(keyId), onFirst),
      await gateway.failure(lockers, "retrieveLocker", { lockerId }, onFirst),
      await gateway.failure(keys, "deleteKey", deleteKeyRequest(keyId), onSecond),
      await gateway.failure(keys, "getKeyMaterial", { keyId }, onSecond),
      await gateway.failure(actions, "wrapKey", wrapKeyRequest(keyId, Buffer.from("x")), onSecond),
      // The request is also invalid. A caller without permission learns nothing about its request
      // either.
      await gateway.failure(keys, "getKeyMaterial", { keyId: "" }, onFirst),
    ];
    for (const failure of denied) {
      expect(failure).toMatchObject({ code: "PERMISSION_DENIED", reason: "CALLER_NOT_AUTHORIZED" });
      expect(failure.resourceInfo?.resourceType).toBe("keyprotect-gateway/method");
    }
    expect(gateway.upstreamRequests()).toHaveLength(before);

    await gateway.call(keys, "getKey", { keyId }, onFirst);
    await gateway.call(keys, "countKeys", {}, onSecond);
    await gateway.call(keys, "deleteKey", deleteKeyRequest(keyId), onFirst);
  });

  test("a rule that names the RPCs allows to create lockers and to replace policies", async () => {
    await using gateway = await startTwo({
      yaml: `
policy:
  rules:
    - callers: [anonymous]
      methods: ["*", LockersService/CreateLocker, PoliciesService/ReplaceKeyPolicies]
`,
    });
    const { policies, lockers } = gateway.clients;
    const keyId = await createKeyId(gateway, {}, onFirst.metadata);
    await gateway.call(
      lockers,
      "createLocker",
      { ttl: undefined, maxAllowedRetrievals: 0 },
      onFirst,
    );
    await gateway.call(
      policies,
      "replaceKeyPolicies",
      { keyId, policies: [dualAuthPolicy(true)] },
      onFirst,
    );
  });

  test("rules distinguish a caller on a Unix socket from one on TCP", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gateway-socket-"));
    try {
      await using gateway = await startTwo({
        yaml: `
policy:
  rules:
    - { callers: [unix], methods: ["*", KeysService/GetKeyMaterial] }
    - { callers: [anonymous], methods: [KeysService/CountKeys] }
defaultInstance: first
`,
        env: { GATEWAY_LISTEN: `unix:${join(folder, "gateway.sock")},127.0.0.1:0` },
      });
      const { keys } = gateway.clients;
      expect(gateway.address).toBe(`unix:${join(folder, "gateway.sock")}`);
      const created = await gateway.call(
        keys,
        "createKey",
        createKeyRequest({ type: KeyType.STANDARD }),
      );
      const { keyMaterial } = await gateway.call(keys, "getKeyMaterial", {
        keyId: created.key?.id ?? "",
      });
      gateway.secrets.mark(Buffer.from(keyMaterial));
      expect(keyMaterial).toHaveLength(32);

      const [, tcp] = gateway.gateway.addresses;
      if (tcp === undefined) throw new Error("there is one listener only");
      const remote = new KeysServiceClient(formatListenAddress(tcp), credentials.createInsecure());
      try {
        expect(await gateway.call(remote, "countKeys", {})).toEqual({ totalSize: 1 });
        const failure = await gateway.failure(remote, "createKey", createKeyRequest());
        expect(failure.reason).toBe("CALLER_NOT_AUTHORIZED");
      } finally {
        remote.close();
      }
      const callers = gateway
        .log()
        .filter(({ msg }) => msg === "call")
        .map(({ caller }) => caller);
      expect(callers).toEqual(["unix", "unix", "anonymous", "anonymous"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

const isMethod = (value: unknown): value is MethodDefinition<object, object> =>
  typeof value === "object" && value !== null && "requestSerialize" in value;

describe("what tools ask a gateway", () => {
  test("health reports the services as serving, and readiness after the first token of every instance", async () => {
    await using gateway = await startTwo();
    const Health = makeGenericClientConstructor(healthService, "Health");
    const client = new Health(gateway.address, credentials.createInsecure());
    const check = (service: string): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const method = healthService["Check"];
        if (method === undefined) throw new Error("the health service has no Check");
        client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          { service },
          (error, response: unknown) => {
            if (error !== null) reject(error);
            else
              resolve(typeof response === "object" && response && Reflect.get(response, "status"));
          },
        );
      });
    try {
      expect(await check("")).toBe("SERVING");
      expect(await check("keyprotect.v1.KeysService")).toBe("SERVING");
      await eventually(async () => (await check("readiness")) === "SERVING");
      const { host, port } = gateway.gateway.admin;
      const ready = await fetch(`http://${host}:${port}/readyz`);
      expect(ready.status).toBe(200);
      await expect(check("no.such.Service")).rejects.toMatchObject({ code: 5 });
    } finally {
      client.close();
    }
  });

  test("reflection describes the services and messages unless it is off", async () => {
    const protos = join(
      dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json")),
      "build/proto",
    );
    const loaded = loadSync("grpc/reflection/v1/reflection.proto", { includeDirs: [protos] });
    const service = loaded["grpc.reflection.v1.ServerReflection"];
    const method: unknown = service && Reflect.get(service, "ServerReflectionInfo");
    if (!isMethod(method)) throw new Error("no reflection service in the package");
    const ask = (gateway: TestGateway, request: object): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const stream = gateway.clients.keys.makeBidiStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          new Metadata(),
        );
        stream.on("error", reject);
        stream.on("data", (answer: unknown) => {
          resolve(answer);
          stream.end();
        });
        stream.write(request);
      });

    await using open = await startTwo();
    expect(await ask(open, { listServices: "*" })).toMatchObject({
      listServicesResponse: {
        service: expect.arrayContaining([
          { name: "keyprotect.v1.KeysService" },
          { name: "keyprotect.v1.KeyActionsService" },
          { name: "keyprotect.v1.PoliciesService" },
          { name: "keyprotect.v1.LockersService" },
        ]),
      },
    });
    expect(
      await ask(open, { fileContainingSymbol: "keyprotect.v1.KeysService.CreateKey" }),
    ).toMatchObject({ fileDescriptorResponse: {} });

    await using closed = await startTwo({ env: { GATEWAY_REFLECTION: "off" } });
    await expect(ask(closed, { listServices: "*" })).rejects.toMatchObject({ code: 12 });
  });
});
