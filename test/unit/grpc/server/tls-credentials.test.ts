import * as grpc from "@grpc/grpc-js";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket, connect as connectTls } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { pino } from "pino";
import { readConfigSources } from "../../../../src/config/config-source.ts";
import { startReloads } from "../../../../src/gateway/reload/reload.ts";
import type { CertificateFiles } from "../../../../src/grpc/server/certificates.ts";
import { createMetrics } from "../../../../src/observability/metrics/metrics.ts";
import { createCertificateAuthority } from "../../../support/certificates.ts";
import type { CertificateRequest, IssuedCertificate } from "../../../support/certificates.ts";
import { createDrivenClock, type DrivenClock } from "../../../support/driven-clock.ts";
import { countKeys, startTestServer } from "../../../support/test-server.ts";
import type { TestServer, TestServerOptions } from "../../../support/test-server.ts";

const servers = createCertificateAuthority("servers");
const clients = createCertificateAuthority("clients");
const strangers = createCertificateAuthority("strangers");
const api = "spiffe://prod.example/ns/payments/sa/api";
const pollMs = 10_000;
const settleMs = 1_000;
const dayMs = 86_400_000;

const root = await mkdtemp(join(tmpdir(), "kp-tls-"));
afterAll(() => rm(root, { recursive: true, force: true }));

let files: CertificateFiles & { readonly clientCaFile: string };
let folderCount = 0;
beforeEach(async () => {
  const folder = join(root, String((folderCount += 1)));
  await mkdir(folder);
  files = {
    certFile: join(folder, "tls.crt"),
    keyFile: join(folder, "tls.key"),
    clientCaFile: join(folder, "ca.crt"),
  };
  await write(serverCertificate());
  await writeFile(files.clientCaFile, clients.cert);
});

const serverCertificate = (request: CertificateRequest = {}): IssuedCertificate =>
  servers.issue({ dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], ...request });

async function write({ cert, key }: IssuedCertificate): Promise<void> {
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key);
}

const start = (options: TestServerOptions = {}): Promise<TestServer> =>
  startTestServer({ tls: files, trustDomains: ["prod.example"], ...options });

/** A server whose certificates follow their files, as those of a gateway do. */
async function startFollowing(
  clock: DrivenClock,
  options: TestServerOptions = {},
): Promise<TestServer> {
  const fixture = await start({ clock, ...options });
  const { certificates } = fixture.server;
  const { certFile, keyFile, clientCaFile } = options.tls ?? files;
  const env = {
    KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com",
    KP_INSTANCE_ID: "e0a1b2c3-0000-4000-8000-000000000001",
    IBMCLOUD_API_KEY: "an-api-key",
    GATEWAY_TLS_CERT_FILE: certFile,
    GATEWAY_TLS_KEY_FILE: keyFile,
    GATEWAY_TLS_CLIENT_CA_FILE: clientCaFile,
    GATEWAY_TLS_TRUST_DOMAINS: "prod.example",
  };
  const read = () => readConfigSources({ env, wallNow: () => clock.wallNow() });
  const first = await read();
  if (first.result instanceof Error) throw first.result;
  const reloads = startReloads(
    first.result,
    { first, read },
    {
      targets: {
        certificates,
        credentials: { replace: () => undefined },
        access: { replace: () => undefined },
      },
      metrics: createMetrics({ hasProcessMetrics: false }),
      logger: pino({}, { write: (line: string) => void fixture.lines.push(JSON.parse(line)) }),
      clock,
    },
  );
  return {
    ...fixture,
    async [Symbol.asyncDispose]() {
      await reloads[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

const replaced = "the configuration was reloaded";
const kept = "the configuration was read again and is refused; the old state stays in use";

const withCertificate = (client: IssuedCertificate): grpc.ChannelCredentials =>
  grpc.credentials.createSsl(
    Buffer.from(servers.cert),
    Buffer.from(client.key),
    Buffer.from(client.cert),
  );

const withoutCertificate = (): grpc.ChannelCredentials =>
  grpc.credentials.createSsl(Buffer.from(servers.cert));

/** The result of a call with a client certificate for these URIs. */
const seenBy = (fixture: TestServer, ...uris: string[]) =>
  countKeys(fixture.newClient(withCertificate(clients.issue({ uris }))));

/** Opens a TLS connection and returns the serial number of the server's certificate. */
async function serialNumber(fixture: TestServer, options: ConnectionOptions = {}): Promise<string> {
  const { key, cert } = clients.issue({ uris: [api] });
  const port = Number(fixture.target.split(":").at(-1));
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    ca: servers.cert,
    key,
    cert,
    servername: "localhost",
    ALPNProtocols: ["h2"],
    ...options,
  });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.destroy();
  }
}

test("the caller of a call is the SPIFFE ID of its certificate", async () => {
  await using fixture = await start();

  expect((await seenBy(fixture, api)).totalSize).toBe(7);
  expect(fixture.contexts[0]).toMatchObject({ caller: api, certificateUri: api });
});

test("all calls of a connection have the same caller, and another connection has its own", async () => {
  await using fixture = await start();
  const other = "spiffe://prod.example/ns/other";
  const [first, second] = [api, other].map((uri) =>
    fixture.newClient(withCertificate(clients.issue({ uris: [uri] }))),
  );
  if (first === undefined || second === undefined) throw new Error("no clients");
  for (const client of [first, second, first, second]) await countKeys(client);

  expect(fixture.contexts.map((context) => context.caller)).toEqual([api, other, api, other]);
});

test("the certificate of a connection is read once, however many calls it makes", async () => {
  await using fixture = await start({
    // Wraps each call, as the interceptors of the gateway do.
    interceptors: [(_method, call) => new grpc.ServerInterceptingCall(call)],
  });
  const client = fixture.newClient(withCertificate(clients.issue({ uris: [api] })));
  await countKeys(client);
  const reads = vi.spyOn(TLSSocket.prototype, "getPeerCertificate");
  for (let count = 0; count < 5; count += 1) await countKeys(client);
  const readCount = reads.mock.calls.length;
  reads.mockRestore();

  expect(fixture.contexts.map((context) => context.caller)).toEqual(Array(6).fill(api));
  expect(readCount).toBe(0);
});

test("a caller without a certificate is rejected in the handshake", async () => {
  await using fixture = await start();

  expect((await countKeys(fixture.newClient(withoutCertificate()))).code).toBe(
    grpc.status.UNAVAILABLE,
  );
  expect(fixture.contexts).toEqual([]);
});

test("a certificate of another authority is rejected in the handshake", async () => {
  await using fixture = await start();
  const client = fixture.newClient(withCertificate(strangers.issue({ uris: [api] })));

  expect((await countKeys(client)).code).toBe(grpc.status.UNAVAILABLE);
  expect(fixture.contexts).toEqual([]);
});

test("an expired certificate is rejected in the handshake", async () => {
  await using fixture = await start();
  const expired = clients.issue({
    uris: [api],
    notBefore: new Date(Date.now() - 2 * dayMs),
    notAfter: new Date(Date.now() - dayMs),
  });

  expect((await countKeys(fixture.newClient(withCertificate(expired)))).code).toBe(
    grpc.status.UNAVAILABLE,
  );
  expect(fixture.contexts).toEqual([]);
});

test("a plaintext connection to a TLS listener is rejected", async () => {
  await using fixture = await start();

  expect((await countKeys(fixture.newClient())).code).toBe(grpc.status.UNAVAILABLE);
});

test.each([
  ["two URI names", [api, "spiffe://prod.example/ns/other"], "more than one URI name"],
  ["the same URI name twice", [api, api], "more than one URI name"],
  ["no URI name", [], "no URI name"],
  ["another trust domain", ["spiffe://dev.example/ns/a"], "trust domain that is not accepted"],
  ["a URI that is no SPIFFE ID", ["https://prod.example/a"], "not a SPIFFE ID"],
  ["a SPIFFE ID without a path", ["spiffe://prod.example"], "not a SPIFFE ID"],
  ["a crafted URI name", ["spiffe://evil/a, URI:spiffe://prod.example/a"], "not a SPIFFE ID"],
])("a certificate with %s does not identify its caller", async (_what, uris, text) => {
  await using fixture = await start();
  const seen = await seenBy(fixture, ...uris);

  expect(seen).toMatchObject({
    code: grpc.status.UNAUTHENTICATED,
    reason: "CALLER_UNAUTHENTICATED",
  });
  expect(seen.text).toContain(text);
  expect(fixture.contexts).toEqual([]);
});

test("without trust domains no caller is identified", async () => {
  await using fixture = await start({ trustDomains: [] });

  expect((await seenBy(fixture, api)).code).toBe(grpc.status.UNAUTHENTICATED);
});

test("without a client CA callers need no certificate and are anonymous", async () => {
  await using fixture = await start({ tls: { ...files, clientCaFile: undefined } });

  expect((await countKeys(fixture.newClient(withoutCertificate()))).totalSize).toBe(7);
  expect((await seenBy(fixture, api)).totalSize).toBe(7);
  expect(fixture.contexts.map((context) => context.caller)).toEqual(["anonymous", "anonymous"]);
});

test("a TLS 1.2 connection has forward secrecy and AEAD, and older versions are rejected", async () => {
  await using fixture = await start();
  const tls12 = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;

  await expect(serialNumber(fixture, tls12)).resolves.toMatch(/^[0-9A-F]+$/);
  await expect(
    serialNumber(fixture, { ...tls12, ciphers: "ECDHE-ECDSA-AES128-SHA256" }),
  ).rejects.toThrow(/handshake failure/i);
  await expect(
    serialNumber(fixture, {
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    }),
  ).rejects.toThrow();
});

test("a new certificate applies to new connections, and open connections continue", async () => {
  const clock = createDrivenClock(Date.now());
  await using fixture = await startFollowing(clock);
  const client = fixture.newClient(withCertificate(clients.issue({ uris: [api] })));
  await countKeys(client);
  const before = await serialNumber(fixture);
  const notAfter = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3 * dayMs);

  await write(serverCertificate({ notAfter }));
  await poll(clock, fixture, replaced);

  expect(await serialNumber(fixture)).not.toBe(before);
  expect(fixture.server.certificates?.expiresAt).toBe(notAfter.getTime());
  expect((await countKeys(client)).totalSize).toBe(7);
  expect(new Set(fixture.contexts.map((context) => context.peer)).size).toBe(1);
});

test("the TLS version and ciphers stay restricted after a new certificate", async () => {
  const clock = createDrivenClock(Date.now());
  await using fixture = await startFollowing(clock);
  await write(serverCertificate());
  await poll(clock, fixture, replaced);

  await expect(
    serialNumber(fixture, {
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.2",
      ciphers: "ECDHE-ECDSA-AES128-SHA256",
    }),
  ).rejects.toThrow(/handshake failure/i);
  expect((await countKeys(fixture.newClient(withoutCertificate()))).code).toBe(
    grpc.status.UNAVAILABLE,
  );
});

test("a new client CA applies to later connections", async () => {
  const clock = createDrivenClock(Date.now());
  await using fixture = await startFollowing(clock);
  const stranger = withCertificate(strangers.issue({ uris: [api] }));
  expect((await countKeys(fixture.newClient(stranger))).code).toBe(grpc.status.UNAVAILABLE);

  await writeFile(files.clientCaFile, `${clients.cert}\n${strangers.cert}`);
  await poll(clock, fixture, replaced);
  expect((await countKeys(fixture.newClient(stranger))).code).toBe(grpc.status.OK);

  await writeFile(files.clientCaFile, clients.cert);
  await poll(clock, fixture, replaced);
  expect((await countKeys(fixture.newClient(stranger))).code).toBe(grpc.status.UNAVAILABLE);
  expect((await seenBy(fixture, api)).code).toBe(grpc.status.OK);
});

test("a certificate behind a symbolic link is reloaded when the link is replaced, as Kubernetes does", async () => {
  const clock = createDrivenClock(Date.now());
  const volume = join(root, `volume-${folderCount}`);
  const put = async (version: string): Promise<void> => {
    await mkdir(join(volume, version), { recursive: true });
    const { cert, key } = serverCertificate();
    await writeFile(join(volume, version, "tls.crt"), cert);
    await writeFile(join(volume, version, "tls.key"), key);
    await symlink(version, join(volume, "new"));
    await rename(join(volume, "new"), join(volume, "data"));
  };
  await put("v1");
  const tls = {
    ...files,
    certFile: join(volume, "data", "tls.crt"),
    keyFile: join(volume, "data", "tls.key"),
  };
  await using fixture = await startFollowing(clock, { tls });
  const before = await serialNumber(fixture);
  await put("v2");
  await poll(clock, fixture, replaced);

  expect(await serialNumber(fixture)).not.toBe(before);
});

test.each<[string, () => Promise<void>]>([
  [
    "a certificate that is half written",
    () => writeFile(files.certFile, servers.cert.slice(0, 200)),
  ],
  ["an empty certificate", () => writeFile(files.certFile, "")],
  ["no certificate", () => rm(files.certFile)],
  ["a key that is not the certificate's", () => writeFile(files.keyFile, serverCertificate().key)],
  ["a key that is none", () => writeFile(files.keyFile, "-----BEGIN PRIVATE KEY-----\nAAAA\n")],
  ["no client CA", () => rm(files.clientCaFile)],
  ["an empty client CA", () => writeFile(files.clientCaFile, "\n")],
  ["a client CA that is none", () => writeFile(files.clientCaFile, serverCertificate().cert)],
  [
    "a certificate that has expired",
    () =>
      write(
        serverCertificate({
          notBefore: new Date(Date.now() - 2 * dayMs),
          notAfter: new Date(Date.now() - dayMs),
        }),
      ),
  ],
  [
    "a certificate of the future",
    () => write(serverCertificate({ notBefore: new Date(Date.now() + dayMs) })),
  ],
])("%s changes nothing, and its repair is noticed", async (_what, breakIt) => {
  const clock = createDrivenClock(Date.now());
  await using fixture = await startFollowing(clock);
  const before = await serialNumber(fixture);

  await breakIt();
  await poll(clock, fixture, kept);
  await pollOnce(clock);
  await pollOnce(clock);
  expect(await serialNumber(fixture)).toBe(before);
  expect((await seenBy(fixture, api)).code).toBe(grpc.status.OK);
  expect((await countKeys(fixture.newClient(withoutCertificate()))).code).toBe(
    grpc.status.UNAVAILABLE,
  );
  expect(fixture.lines.filter((line) => line["msg"] === kept)).toHaveLength(1);

  await write(serverCertificate());
  await writeFile(files.clientCaFile, clients.cert);
  await poll(clock, fixture, replaced);
  expect(await serialNumber(fixture)).not.toBe(before);
});

test("unchanged files are not read again", async () => {
  const clock = createDrivenClock(Date.now());
  await using fixture = await startFollowing(clock);
  for (let round = 0; round < 5; round += 1) await pollOnce(clock);

  expect(fixture.lines.map((line) => line["msg"])).toEqual(["serving gRPC"]);
});

test.each<[string, () => Promise<void>, RegExp]>([
  ["no certificate", () => rm(files.certFile), /ENOENT/],
  ["a certificate that is none", () => writeFile(files.certFile, "x"), /no usable certificate in/],
  ["a key that is none", () => writeFile(files.keyFile, "x"), /no usable private key in/],
  [
    "a key that is not the certificate's",
    () => writeFile(files.keyFile, serverCertificate().key),
    /the key in .* is not that of the certificate/,
  ],
  [
    "an expired certificate",
    () => write(serverCertificate({ notAfter: new Date(Date.now() - 1_000) })),
    /is not valid now/,
  ],
  ["an empty client CA", () => writeFile(files.clientCaFile, ""), /there is no certificate in/],
  [
    "a client CA that is none",
    () => writeFile(files.clientCaFile, serverCertificate().cert),
    /is not that of an authority/,
  ],
])("a server with %s does not start", async (_what, breakIt, text) => {
  await breakIt();

  await expect(start()).rejects.toThrow(text);
});

test("no error text or log line contains a part of a key", async () => {
  const clock = createDrivenClock(Date.now());
  const { key } = serverCertificate();
  await using fixture = await startFollowing(clock);
  await writeFile(files.keyFile, key);
  await poll(clock, fixture, kept);
  const body = key.split("\n")[1] ?? "";

  expect(body.length).toBeGreaterThan(40);
  expect(JSON.stringify(fixture.lines)).not.toContain(body);
});

test("a connection that never finishes its handshake does not delay a shutdown", async () => {
  await using fixture = await start({ drain: { delayMs: 0, graceMs: 50 } });
  const idle = connectTcp(Number(fixture.target.split(":").at(-1)), "127.0.0.1");
  idle.on("error", () => {});
  await once(idle, "connect");

  await fixture.server.drain();
  idle.destroy();
  expect(fixture.lines.at(-1)).toMatchObject({ msg: "drained" });
});

test("the files are not polled after the server has stopped", async () => {
  const clock = createDrivenClock(Date.now());
  const fixture = await startFollowing(clock);
  expect(clock.pending).toBe(1);
  await fixture[Symbol.asyncDispose]();

  expect(clock.pending).toBe(0);
});

/** Runs one poll, including its file system work. */
async function pollOnce(clock: DrivenClock, ms = pollMs): Promise<void> {
  await clock.advance(ms);
  // The next poll is scheduled when this one has ended.
  await expect.poll(() => clock.pending, { interval: 1 }).toBe(1);
}

/** Polls, and looks again as a changed file needs it. One more line with the text is logged. */
async function poll(clock: DrivenClock, fixture: TestServer, message: string): Promise<void> {
  const count = (): number => fixture.lines.filter((line) => line["msg"] === message).length;
  const before = count();
  await pollOnce(clock);
  expect(count()).toBe(before);
  await pollOnce(clock, settleMs);
  expect(count()).toBe(before + 1);
}
