/**
 * Both upstreams through an HTTP proxy. Their names exist in no DNS and lead to the emulator in the
 * proxy only.
 */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { describe, expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { createKeyId, createKeyRequest, wrapKeyRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";
import { startTestProxy, type TestProxy } from "../support/test-proxy.ts";

const busy = { timeout: 60_000 };
const password = "p@ss:word-that-nobody-may-see";
const credentials = `gateway:${password}`;

interface ProxiedOptions {
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A gateway that reaches the emulator under two names through the proxy. */
async function startProxied(
  proxy: TestProxy,
  { user = credentials, env = {} }: ProxiedOptions = {},
): Promise<TestGateway> {
  const [name = "", secret = ""] = user.split(/:(.*)/);
  const gateway = await startTestGateway({
    envOf: (emulator) => ({
      KP_SERVICE_URL: `http://keyprotect.test:${new URL(emulator.url).port}`,
      IAM_AUTH_URL: `http://iam.test:${new URL(emulator.url).port}`,
      GATEWAY_ALLOW_INSECURE_UPSTREAM: "true",
      HTTP_PROXY: `http://${name}:${encodeURIComponent(secret)}@127.0.0.1:${proxy.port}`,
    }),
    env,
  });
  gateway.secrets.markText(secret);
  gateway.secrets.markText(encodeURIComponent(secret));
  gateway.secrets.markText(Buffer.from(user).toString("base64"));
  return gateway;
}

const portOf = ({ url }: Emulator): string => new URL(url).port;
const nameOf = (proxy: TestProxy): string => `127.0.0.1:${proxy.port}`;
const within = (ms: number): { deadline: number } => ({ deadline: Date.now() + ms });

async function get(gateway: TestGateway, path: string): Promise<string> {
  const { host, port } = gateway.gateway.admin;
  return (await fetch(`http://${host}:${port}${path}`)).text();
}

test(
  "all requests to Key Protect and IAM go through the proxy, and their tunnels are kept",
  busy,
  async () => {
    await using proxy = await startTestProxy({ credentials });
    await using gateway = await startProxied(proxy);
    const keyId = await createKeyId(gateway);
    for (let count = 0; count < 5; count++) {
      const plaintext = gateway.secrets.bytes(32);
      await gateway.call(gateway.clients.actions, "wrapKey", wrapKeyRequest(keyId, plaintext));
    }

    const port = portOf(gateway.emulator);
    expect(proxy.connects.toSorted()).toEqual([`iam.test:${port}`, `keyprotect.test:${port}`]);
    expect(gateway.emulator.requests.count({ service: "keyprotect" })).toBe(6);
    expect(await gateway.metrics()).toContain("keyprotect_gateway_connections_opened_total 1");
  },
);

test("the log and /state name the proxy without user and password", busy, async () => {
  await using proxy = await startTestProxy({ credentials });
  await using gateway = await startProxied(proxy);
  expect(JSON.parse(await get(gateway, "/state"))).toMatchObject({
    instances: { default: { proxy: nameOf(proxy) } },
  });
  const servers = gateway.log().filter((line) => line["proxy"] === nameOf(proxy));
  const port = portOf(gateway.emulator);
  expect(servers.map(({ server }) => String(server)).toSorted()).toEqual([
    `iam.test:${port}`,
    `keyprotect.test:${port}`,
  ]);
});

test.each(["http", "https"])(
  "servers with TLS and a private authority are reached through an %s proxy",
  busy,
  async (scheme) => {
    const authority = createCertificateAuthority();
    const folder = await mkdtemp(join(tmpdir(), "gateway-proxy-"));
    const caFile = join(folder, "ca.pem");
    await writeFile(caFile, authority.cert);
    const front = createServer(
      authority.issue({ dnsNames: ["keyprotect.test", "iam.test"] }),
      (socket) => {
        const through = connect(Number(portOf(gateway.emulator)), "127.0.0.1");
        socket.on("error", () => through.destroy());
        through.on("error", () => socket.destroy());
        socket.pipe(through).pipe(socket);
      },
    ).listen(0, "127.0.0.1");
    await once(front, "listening");
    const address = front.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    await using proxy = await startTestProxy({
      credentials,
      ...(scheme === "https" ? { tls: authority.issue({ ipAddresses: ["127.0.0.1"] }) } : {}),
    });
    await using gateway = await startTestGateway({
      env: {
        KP_SERVICE_URL: `https://keyprotect.test:${address.port}`,
        IAM_AUTH_URL: `https://iam.test:${address.port}`,
        GATEWAY_UPSTREAM_CA_FILE: caFile,
        https_proxy: `${scheme}://gateway:${encodeURIComponent(password)}@${nameOf(proxy)}`,
      },
      files: { [caFile]: authority.cert },
    });
    gateway.secrets.markText(password);

    expect(await gateway.call(gateway.clients.keys, "countKeys", {})).toEqual({ totalSize: 0 });
    expect(proxy.connects.toSorted()).toEqual([
      `iam.test:${address.port}`,
      `keyprotect.test:${address.port}`,
    ]);
    front.close();
    await rm(folder, { recursive: true });
  },
);

test(
  "a host in NO_PROXY is reached without the proxy, the other one through it",
  busy,
  async () => {
    await using proxy = await startTestProxy({ credentials });
    await using gateway = await startProxied(proxy, {
      env: { NO_PROXY: "a.test, keyprotect.test" },
    });
    const failure = await gateway.failure(gateway.clients.keys, "countKeys", {}, within(10_000));
    // Without the proxy the name does not exist.
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
    expect(proxy.connects).toEqual([`iam.test:${portOf(gateway.emulator)}`]);
  },
);

test("loopback is reached without the proxy", busy, async () => {
  await using proxy = await startTestProxy();
  const url = `http://${nameOf(proxy)}`;
  await using gateway = await startTestGateway({ env: { HTTP_PROXY: url, HTTPS_PROXY: url } });
  await gateway.call(gateway.clients.keys, "countKeys", {});
  expect(proxy.connects).toEqual([]);
});

test(
  "with a wrong password calls fail as unsent, the replica stays not ready, and the log says why",
  busy,
  async () => {
    await using proxy = await startTestProxy({ credentials });
    await using gateway = await startProxied(proxy, {
      user: "gateway:wrong-password-of-the-proxy",
    });
    const failure = await gateway.failure(
      gateway.clients.keys,
      "createKey",
      createKeyRequest(),
      within(10_000),
    );
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "IAM_UNAVAILABLE" });
    expect(failure.errorInfo?.metadata).toMatchObject({ mayHaveExecuted: "false" });
    const line = gateway.log().find(({ msg }) => msg === "IAM issued no access token");
    expect(line).toMatchObject({
      code: "PROXY_REFUSED",
      detail: `the proxy ${nameOf(proxy)} answered CONNECT with status 407`,
    });
    expect(await get(gateway, "/readyz")).toContain("the way through the proxy to the IAM");
    expect(gateway.emulator.requests.count()).toBe(0);
  },
);

/** A gateway that has a token, whose tunnels are gone. */
async function startWarm(
  proxy: TestProxy,
  env: Readonly<Record<string, string>> = {},
): Promise<TestGateway> {
  const gateway = await startProxied(proxy, { env });
  await gateway.call(gateway.clients.keys, "countKeys", {});
  proxy.cut();
  await eventually(() => proxy.open === 0);
  return gateway;
}

describe("a proxy that fails while there is a token", () => {
  test.each([403, 407, 502, 503])(
    "calls are refused as unsent while the proxy answers %d, and work after it",
    busy,
    async (status) => {
      await using proxy = await startTestProxy({ credentials });
      await using gateway = await startWarm(proxy);
      const { keys } = gateway.clients;
      proxy.mood = { status };
      const failure = await gateway.failure(keys, "createKey", createKeyRequest(), within(10_000));
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
      expect(failure.errorInfo?.metadata).toMatchObject({ mayHaveExecuted: "false" });
      expect(failure.retryInfo).toBeDefined();
      expect(failure.message).not.toContain("127.0.0.1");
      const line = gateway.log().findLast(({ msg }) => msg === "call");
      expect(line).toMatchObject({
        err: {
          cause: {
            name: "UpstreamError",
            sent: false,
            cause: {
              code: "PROXY_REFUSED",
              httpStatus: status,
              message: `the proxy ${nameOf(proxy)} answered CONNECT with status ${status}`,
            },
          },
        },
      });
      proxy.mood = "serve";
      await gateway.call(keys, "createKey", createKeyRequest(), within(10_000));
      expect(gateway.emulator.requests.count({ operation: "createKey" })).toBe(1);
    },
  );

  test("a CONNECT that is not answered ends with the connect time-out", busy, async () => {
    await using proxy = await startTestProxy({ credentials });
    await using gateway = await startWarm(proxy, {
      GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "200",
      GATEWAY_RETRY_MAX_ATTEMPTS: "1",
    });
    proxy.mood = "hang";
    const startedAt = performance.now();
    const failure = await gateway.failure(
      gateway.clients.keys,
      "createKey",
      createKeyRequest(),
      within(20_000),
    );
    const tookMs = performance.now() - startedAt;
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE" });
    expect(failure.errorInfo?.metadata).toMatchObject({ mayHaveExecuted: "false" });
    expect(tookMs).toBeGreaterThanOrEqual(190);
    expect(tookMs).toBeLessThan(2_000);
    await eventually(() => proxy.open === 0);
  });

  test(
    "a proxy that is killed during a change leaves its outcome unknown, and a read is repeated",
    busy,
    async () => {
      await using proxy = await startTestProxy({ credentials });
      await using gateway = await startWarm(proxy);
      const { keys } = gateway.clients;
      const { requests, faults } = gateway.emulator;
      faults.add({ match: { operation: "createKey" }, times: 1, delayMs: 5_000 });
      const creating = gateway.failure(keys, "createKey", createKeyRequest(), within(20_000));
      await eventually(() => requests.count({ operation: "createKey" }) === 1);
      proxy.cut();
      expect(await creating).toMatchObject({
        code: "UNKNOWN",
        reason: "OUTCOME_UNKNOWN",
        errorInfo: { metadata: { mayHaveExecuted: "true", attempts: "1" } },
      });

      const before = requests.count({ service: "keyprotect" });
      faults.add({ match: { service: "keyprotect" }, times: 1, delayMs: 5_000 });
      const counting = gateway.call(keys, "countKeys", {}, within(20_000));
      await eventually(() => requests.count({ service: "keyprotect" }) === before + 1);
      proxy.cut();
      await counting;
      expect(requests.count({ service: "keyprotect" })).toBe(before + 2);
    },
  );
});
