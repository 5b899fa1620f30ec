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
import { countKeys, startTestServer, type TestServer } from "../../../../support/test-server.ts";

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
    createConnections({
      clock,
      logger: { info: () => {}, warn: () => {} },
      limits: { max: 1, maxPerPeer: 1 },
      age: { ageMs: 1_000, ageJitterPercent: 0, ageGraceMs: 1_000 },
      random: Math.random,
    });
    expect(clock.pending).toBe(0);
  });
});

/** Begins a call that stays incomplete, so that its connection is not idle. */
const occupy = async (client: FrameClient): Promise<void> => {
  client.call(1, path);
  client.write(http2Frame(frameTypes.ping, 0, 0, Buffer.alloc(8)));
  await eventually(() => client.received.some(({ type }) => type === frameTypes.ping));
};

const isOpen = async (client: FrameClient): Promise<boolean> => {
  const pings = (): number => client.received.filter(({ type }) => type === frameTypes.ping).length;
  const before = pings();
  client.write(http2Frame(frameTypes.ping, 0, 0, Buffer.alloc(8)));
  await eventually(() => client.isClosed || pings() > before);
  return !client.isClosed;
};

describe("the bounds of connections", () => {
  const refusal = Buffer.from("too many connections");

  test("a connection above the bound gets GOAWAY with the reason and is closed", async () => {
    await using fixture = await startTestServer({ connectionLimits: { max: 2, maxPerPeer: 2 } });
    using first = await connect(fixture);
    using second = await connect(fixture);
    await occupy(first);
    await occupy(second);

    using third = await connect(fixture);
    await eventually(() => third.isClosed);
    expect(third.received.map(({ type }) => type)).toEqual([
      frameTypes.settings,
      frameTypes.goaway,
    ]);
    expect(third.received[1]?.payload.subarray(8)).toEqual(refusal);
    expect(await isOpen(first)).toBe(true);
    expect(await isOpen(second)).toBe(true);
    expect(fixture.connections.count).toBe(2);
  });

  test("a grpc-js client above the bound fails with UNAVAILABLE, and succeeds once there is room", async () => {
    await using fixture = await startTestServer({ connectionLimits: { max: 1, maxPerPeer: 1 } });
    using first = await connect(fixture);
    await occupy(first);
    const client = fixture.newClient();
    expect((await countKeys(client)).code).toBe(status.UNAVAILABLE);
    first.socket.destroy();
    await eventually(async () => (await countKeys(client)).code === status.OK);
  });

  test("an idle connection of the same peer makes room", async () => {
    await using fixture = await startTestServer({
      connectionLimits: { max: 2, maxPerPeer: 2 },
      evictableMs: 0,
    });
    using first = await connect(fixture);
    using second = await connect(fixture);
    await occupy(first);
    expect(await isOpen(second)).toBe(true);

    using third = await connect(fixture);
    expect(await isOpen(third)).toBe(true);
    await eventually(() => second.isClosed);
    expect(goaway(second)).toBe(true);
    expect(await isOpen(first)).toBe(true);
  });

  test("many connections at once stay within the bound", async () => {
    await using fixture = await startTestServer({
      connectionLimits: { max: 5, maxPerPeer: 5 },
      evictableMs: 0,
    });
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect(fixture)));
    await eventually(() => clients.filter(({ isClosed }) => !isClosed).length <= 5);
    expect(fixture.connections.count).toBeLessThanOrEqual(5);
    for (const client of clients) client.socket.destroy();
  });

  test("connections over a Unix socket have no bound by peer, and a peer with fewer takes a place", async () => {
    const socketPath = join(folder, "bound.sock");
    await using fixture = await startTestServer({
      connectionLimits: { max: 4, maxPerPeer: 1 },
      listeners: [
        { kind: "tcp", host: "127.0.0.1", port: 0 },
        { kind: "unix", path: socketPath },
      ],
    });
    const local = await Promise.all(Array.from({ length: 4 }, () => connectFrames(socketPath)));
    for (const client of local) await occupy(client);
    expect(local.filter(({ isClosed }) => isClosed)).toEqual([]);

    using fifth = await connectFrames(socketPath);
    await eventually(() => fifth.isClosed);
    // All Unix connections are one peer, so the TCP peer takes the place of the oldest of them.
    using tcp = await connect(fixture);
    expect(await isOpen(tcp)).toBe(true);
    await eventually(() => local.some(({ isClosed }) => isClosed));
    expect(local.map(({ isClosed }) => isClosed)).toEqual([true, false, false, false]);
    using other = await connect(fixture);
    await eventually(() => other.isClosed);
    for (const client of local) client.socket.destroy();
  });

  test("reaching the bound is logged at most once in ten seconds", async () => {
    await using fixture = await startTestServer({ connectionLimits: { max: 1, maxPerPeer: 1 } });
    using first = await connect(fixture);
    await occupy(first);
    for (let times = 0; times < 5; times += 1) {
      using refused = await connect(fixture);
      await eventually(() => refused.isClosed);
    }
    const lines = fixture.lines.filter(({ msg }) => String(msg).includes("bound of connections"));
    expect(lines).toMatchObject([{ limit: "peer", peer: "127.0.0.1", isRefused: true, times: 1 }]);
  });
});

describe("the age of a connection", () => {
  const age = { ageMs: 10_000, ageJitterPercent: 20, ageGraceMs: 5_000 };

  test.each([
    [0, 8_000],
    [0.5, 10_000],
    [0.75, 11_000],
  ])("with the random number %d a connection gets GOAWAY after %d ms", async (number, ms) => {
    const sweepClock = createDrivenClock();
    await using fixture = await startTestServer({ sweepClock, age, random: () => number });
    using client = await connect(fixture);
    expect(await isOpen(client)).toBe(true);
    await sweepClock.advance(ms - 100);
    expect(await isOpen(client)).toBe(true);
    expect(goaway(client)).toBe(false);
    await sweepClock.advance(200);
    await eventually(() => client.isClosed);
    const [first] = client.received.filter(({ type }) => type === frameTypes.goaway);
    expect(first?.payload).toEqual(
      Buffer.concat([Buffer.from("7fffffff00000000", "hex"), Buffer.from("max_age")]),
    );
  });

  test("a call that runs at the age of its connection is answered within the grace", async () => {
    let answer: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const sweepClock = createDrivenClock();
    await using fixture = await startTestServer({
      sweepClock,
      age,
      random: () => 0.5,
      work: () => held,
    });
    using client = await connect(fixture);
    client.call(1, path, nothing);
    await eventually(() => fixture.contexts.length > 0);
    await sweepClock.advance(10_000);
    await eventually(() => goaway(client));
    await sweepClock.advance(4_900);
    expect(client.isClosed).toBe(false);
    answer?.();
    await eventually(() => client.isClosed);
    const answered = client.received.filter(({ stream }) => stream === 1);
    expect(answered.map(({ type }) => type)).toContain(frameTypes.data);
  });

  test("a call that runs longer than the grace is ended with its connection", async () => {
    const sweepClock = createDrivenClock();
    const outcomes: CallOutcome[] = [];
    await using fixture = await startTestServer({
      sweepClock,
      age,
      random: () => 0.5,
      work: ({ signal }) => new Promise((resolve) => signal.addEventListener("abort", resolve)),
      observers: [{ callEnded: (outcome) => void outcomes.push(outcome) }],
    });
    using client = await connect(fixture);
    client.call(1, path, nothing);
    await eventually(() => fixture.contexts.length > 0);
    await sweepClock.advance(15_100);
    await eventually(() => client.isClosed && outcomes.length > 0);
    expect(outcomes).toMatchObject([{ code: status.CANCELLED }]);
  });

  test("a connection whose last call ends after its age is closed and does not count as broken", async () => {
    let answer: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    const sweepClock = createDrivenClock();
    await using fixture = await startTestServer({
      sweepClock,
      age,
      random: () => 0.5,
      work: () => held,
    });
    using client = await connect(fixture);
    client.call(1, path, nothing);
    await eventually(() => fixture.contexts.length === 1);
    await sweepClock.advance(10_000);
    await eventually(() => goaway(client));
    answer?.();
    await eventually(() => client.received.some(({ type }) => type === frameTypes.data));
    await sweepClock.advance(200);
    await eventually(() => client.isClosed);
    expect(fixture.lines.filter(({ msg }) => String(msg).includes("HTTP/2"))).toEqual([]);
  });

  test("no timer of a connection outlives it", async () => {
    const sweepClock = createDrivenClock();
    await using fixture = await startTestServer({ sweepClock, age });
    using client = await connect(fixture);
    expect(await isOpen(client)).toBe(true);
    client.socket.destroy();
    await eventually(() => fixture.connections.count === 0);
    await sweepClock.advance(200);
    expect(sweepClock.pending).toBe(0);
  });
});

test("a peer that does not answer a PING is closed after the keepalive times", async () => {
  await using fixture = await startTestServer({
    times: { idleMs: 900_000, keepaliveMs: 100, keepaliveTimeoutMs: 100 },
  });
  using client = await connect(fixture);
  await eventually(() => client.isClosed);
  expect(client.received.map(({ type }) => type)).toContain(frameTypes.ping);
});

test("a connection without calls is ended after the idle time", async () => {
  await using fixture = await startTestServer({
    times: { idleMs: 100, keepaliveMs: 60_000, keepaliveTimeoutMs: 20_000 },
  });
  using client = await connect(fixture);
  await eventually(() => client.isClosed);
  expect(goaway(client)).toBe(true);
});
