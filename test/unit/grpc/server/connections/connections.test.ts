import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectTls } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CallOutcome } from "../../../../../src/grpc/call/call-observer.ts";
import { createConnections } from "../../../../../src/grpc/server/connections/connections.ts";
import { createCertificateAuthority } from "../../../../support/certificates.ts";
import { createDrivenClock } from "../../../../support/driven-clock.ts";
import { eventually } from "../../../../support/eventually.ts";
import { goldenRequests as golden } from "../../../../support/golden-requests.ts";
import {
  connectFrames,
  type FrameClient,
  flags,
  frameTypes,
  http2Frame,
} from "../../../../support/http2-frames.ts";
import { startTestServer, type TestServer } from "../../../../support/test-server.ts";

const { path, message: nothing } = golden.CountKeys();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kp-"));
});
afterAll(() => rm(folder, { recursive: true }));

const connect = ({ server }: TestServer): Promise<FrameClient> => {
  const [address] = server.addresses;
  return connectFrames(address?.kind === "tcp" ? address.port : (address?.path ?? ""));
};

/** A frame after which nghttp2 sends GOAWAY and does nothing more. */
const killer = http2Frame(frameTypes.data, 0, 0, Buffer.from("x"));

const goaway = ({ received }: FrameClient): boolean =>
  received.some(({ type }) => type === frameTypes.goaway);

const soonMs = 2_000;

test("a call whose session has ended is not answered with OK, even before that is noticed", async () => {
  const outcomes: CallOutcome[] = [];
  let answer: (() => void) | undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  await using fixture = await startTestServer({
    // Its timers never fire, so no sweep finds the session.
    sweepClock: createDrivenClock(),
    work: () => held,
    observers: [{ callEnded: (outcome) => void outcomes.push(outcome) }],
  });
  using client = await connect(fixture);
  client.call(1, path, nothing);
  await eventually(() => fixture.contexts.length > 0);
  client.write(killer);
  await eventually(() => goaway(client));
  answer?.();
  await eventually(() => outcomes.length > 0);
  expect(outcomes).toMatchObject([{ code: status.CANCELLED, reason: undefined }]);
});

test.each(["tcp", "unix"])("a drain does not wait for an ended session over %s", async (kind) => {
  await using fixture = await startTestServer({
    listeners: [
      kind === "tcp"
        ? { kind, host: "127.0.0.1", port: 0 }
        : { kind: "unix", path: join(folder, "gateway.sock") },
    ],
    drain: { delayMs: 0, graceMs: 20_000 },
    work: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve)),
  });
  using client = await connect(fixture);
  client.call(1, path, nothing);
  await eventually(() => fixture.contexts.length > 0);
  client.write(killer);
  await eventually(() => goaway(client));
  const begun = Date.now();
  await fixture.server.drain();
  expect(Date.now() - begun).toBeLessThan(soonMs);
});

test("a drain does not wait for a peer that never closes its socket", async () => {
  await using fixture = await startTestServer({ drain: { delayMs: 0, graceMs: 20_000 } });
  using client = await connect(fixture);
  client.socket.allowHalfOpen = true;
  client.call(1, path, nothing);
  await eventually(() => client.received.some(({ stream }) => stream === 1));
  const begun = Date.now();
  await fixture.server.drain();
  expect(Date.now() - begun).toBeLessThan(soonMs);
});

test("an ended session over TLS is found too", async () => {
  const authority = createCertificateAuthority();
  const { cert, key } = authority.issue({ ipAddresses: ["127.0.0.1"] });
  const [certFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  await using fixture = await startTestServer({
    tls: { certFile, keyFile, clientCaFile: undefined },
  });
  const [address] = fixture.server.addresses;
  if (address?.kind !== "tcp") throw new Error("not TCP");
  const socket = connectTls({
    port: address.port,
    host: "127.0.0.1",
    ca: authority.cert,
    ALPNProtocols: ["h2"],
  });
  await once(socket, "secureConnect");
  using client = await connectFrames(socket);
  await eventually(() => client.received.length > 0);
  client.write(killer);
  await eventually(() => client.isClosed);
  expect(goaway(client)).toBe(true);
  const line = fixture.lines.find(({ msg }) => String(msg).includes("HTTP/2"));
  expect(line).toMatchObject({ peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
  expect(fixture.connections.count).toBe(0);
});

describe("connections", () => {
  test("connections are counted while they are open", async () => {
    await using fixture = await startTestServer();
    using first = await connect(fixture);
    using second = await connect(fixture);
    await eventually(() => fixture.connections.count === 2);
    first.socket.destroy();
    await eventually(() => fixture.connections.count === 1);
    second.write(http2Frame(frameTypes.ping, flags.ack, 0, Buffer.alloc(8)));
    second.socket.end();
    await eventually(() => fixture.connections.count === 0);
  });

  test("no timer runs while there is no connection", () => {
    const clock = createDrivenClock();
    createConnections({ clock, logger: { warn: () => {} } });
    expect(clock.pending).toBe(0);
  });
});
