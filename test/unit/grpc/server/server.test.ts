import * as grpc from "@grpc/grpc-js";
import { once } from "node:events";
import http2 from "node:http2";
import { expect, test } from "vitest";
import type { CallSignal } from "../../../../src/platform/call-signal.ts";
import { freePort } from "../../../support/free-port.ts";
import { tcpConnects } from "../../../support/tcp-connects.ts";
import { countKeys, startTestServer, targetOf } from "../../../support/test-server.ts";

test("a server listens on every address, with the port that the system chose", async () => {
  await using fixture = await startTestServer({
    listeners: [
      { kind: "tcp", host: "127.0.0.1", port: 0 },
      { kind: "tcp", host: "127.0.0.1", port: 0 },
    ],
  });

  const [first, second] = fixture.server.addresses.map(targetOf);
  expect(first).not.toBe(second);
  expect(first).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  expect((await countKeys(fixture.newClient())).totalSize).toBe(7);
});

test("a server listens on IPv6", async () => {
  await using fixture = await startTestServer({
    listeners: [{ kind: "tcp", host: "::1", port: 0 }],
  });

  const [address] = fixture.server.addresses;
  expect(address).toMatchObject({ kind: "tcp", host: "::1" });
  expect(address?.kind === "tcp" && address.port).toBeGreaterThan(0);
});

test("startServer rejects an address in use and leaves nothing listening", async () => {
  await using taken = await startTestServer();
  const [address] = taken.server.addresses;
  if (address?.kind !== "tcp") throw new Error("not TCP");
  const free = await freePort();

  await expect(
    startTestServer({ listeners: [{ kind: "tcp", host: "127.0.0.1", port: free }, address] }),
  ).rejects.toThrow(`cannot listen on 127.0.0.1:${address.port}`);
  await expect(tcpConnects(free)).resolves.toBe(false);
});

test("startServer rejects an empty list of addresses", async () => {
  await expect(startTestServer({ listeners: [] })).rejects.toThrow("no address to listen on");
});

test("a caller on loopback has a loopback address as peer", async () => {
  await using fixture = await startTestServer();
  await countKeys(fixture.newClient());

  expect(fixture.contexts[0]).toMatchObject({ caller: "anonymous", certificateUri: undefined });
  expect(fixture.contexts[0]?.peer).toMatch(/^127\.0\.0\.1:\d+$/);
});

test("a server advertises the limit of concurrent calls", async () => {
  await using fixture = await startTestServer();
  const session = http2.connect(`http://${fixture.target}`);
  const [settings] = await once(session, "remoteSettings");
  session.destroy();

  expect(settings).toMatchObject({ maxConcurrentStreams: 1_000 });
});

test("a message above the limit is rejected", async () => {
  await using fixture = await startTestServer({
    limits: {
      maxReceiveBytes: 1_024,
      maxSendBytes: 1_024,
      maxMetadataBytes: 16_384,
      maxConcurrentStreams: 10,
    },
  });
  const client = fixture.newClient();
  const code = await new Promise((resolve) => {
    client.getKey({ keyId: "k".repeat(2_000) }, (error) => resolve(error?.code));
  });

  expect(code).toBe(grpc.status.RESOURCE_EXHAUSTED);
});

test("only readiness is not serving initially", async () => {
  await using fixture = await startTestServer();
  const { health } = fixture.server;

  const names = ["", "liveness", "keyprotect.upstream", "keyprotect.v1.KeysService"];
  expect(names.map((name) => health.isServing(name))).toEqual([true, true, true, true]);
  expect(health.isServing("readiness")).toBe(false);
  health.setServing("readiness", true);
  expect(health.isServing("readiness")).toBe(true);
});

test("an active call gets a typed answer when the server is disposed of", async () => {
  const fixture = await startTestServer({ work: untilAborted });
  const answer = countKeys(fixture.newClient());
  await expect.poll(() => fixture.activeCalls.count).toBe(1);

  await fixture.server[Symbol.asyncDispose]();
  const seen = await answer;
  await fixture[Symbol.asyncDispose]();

  expect(seen.code).toBe(grpc.status.UNAVAILABLE);
  expect(seen.reason).toBe("SHUTTING_DOWN");
});

test("a server can be disposed of twice", async () => {
  const fixture = await startTestServer();
  await fixture.server[Symbol.asyncDispose]();
  await fixture.server[Symbol.asyncDispose]();

  const port = Number(fixture.target.split(":").at(-1));
  await expect(tcpConnects(port)).resolves.toBe(false);
  await fixture[Symbol.asyncDispose]();
});

function untilAborted({ signal }: { readonly signal: CallSignal }): Promise<void> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      if (signal.reason instanceof Error) reject(signal.reason);
    });
  });
}
