import { pino } from "pino";
import { expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { UpstreamError } from "../../../src/upstream/error.ts";
import { pipeline } from "../../../src/upstream/layer.ts";
import type { Layer, Send } from "../../../src/upstream/layer.ts";
import type { OperationClass } from "../../../src/upstream/circuit-breaker/breakers.ts";
import { createUpstreamHosts } from "../../../src/upstream/host.ts";
import type { HostListener } from "../../../src/upstream/host.ts";
import { createUpstream } from "../../../src/upstream/pipeline.ts";
import { httpAnswer, startRawServer } from "./raw-server.ts";
import { openRequest, upstreamErrorOf } from "./requests.ts";

const answer: Send = () => Promise.resolve({ status: 200, headers: {}, body: Buffer.of() });

const random = (): number => 0.5;

/** The options that all pipelines of these tests share. */
const shared = (origin: string) => {
  const logger = pino({ level: "silent" });
  const clock = systemClock;
  const hosts = createUpstreamHosts({ clock, random, logger });
  return {
    pool: { origin, connections: 2 },
    host: hosts.of(origin),
    bearer: noBearer,
    logger,
    clock,
    random,
  };
};
const noBearer: Layer = (next) => next;

test("a request enters the layers from the first to the last and leaves them in reverse", async () => {
  const trace: string[] = [];
  const named =
    (name: string): Layer =>
    (next) =>
    async (request) => {
      trace.push(`>${name}`);
      const response = await next(request);
      trace.push(`${name}<`);
      return response;
    };

  await pipeline([named("a"), named("b")], answer)(openRequest());

  expect(trace).toEqual([">a", ">b", "b<", "a<"]);
});

test("the observation includes the credential, which is added to each exchange", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
  const trace: string[] = [];
  await using upstream = createUpstream({
    ...shared(server.origin),
    bearer: (next) => (request) => {
      trace.push("bearer");
      return next({ ...request, headers: { ...request.headers, authorization: "Bearer t" } });
    },
    emit(event) {
      if (event.kind === "requestStarted") trace.push("started");
      if (event.kind === "requestEnded") trace.push(`${event.operation} ${event.outcome}`);
    },
  });

  await upstream.send(openRequest());

  expect(trace).toEqual(["started", "bearer", "GetKey 2xx"]);
  expect(server.requests[0]).toContain("authorization: Bearer t");
});

test("a request that an open circuit rejects asks for no token", async () => {
  let tokens = 0;
  await using upstream = createUpstream({
    // No server listens on this port.
    ...shared("http://127.0.0.1:1"),
    maxAttempts: 1,
    bearer: (next) => (request) => {
      tokens += 1;
      return next(request);
    },
  });
  for (let sent = 0; sent < 20; sent++) await upstreamErrorOf(upstream.send(openRequest()));
  expect(tokens).toBe(20);
  expect((await upstreamErrorOf(upstream.send(openRequest()))).code).toBe("CIRCUIT_OPEN");
  expect(tokens).toBe(20);
});

test("calls of one RPC with different priorities share a request", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
  let exchanges = 0;
  await using upstream = createUpstream({
    ...shared(server.origin),
    coalesce: { methods: new Set(["GetKey"]), changing: new Set(), scope: "instance" },
    emit: ({ kind }) => void (kind === "attemptEnded" && exchanges++),
  });
  const [first, second] = [openRequest(), openRequest()];
  const bulk = { ...second.call, rpc: { ...second.call.rpc, priority: "bulk" as const } };
  await Promise.all([upstream.send(first), upstream.send({ ...second, call: bulk })]);
  expect(exchanges).toBe(1);
});

test("an exception of the listener of events is logged and disturbs no call", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
  const lines: string[] = [];
  await using upstream = createUpstream({
    ...shared(server.origin),
    logger: pino({ level: "error" }, { write: (line) => void lines.push(line) }),
    emit: () => {
      throw new Error("of the listener");
    },
  });

  expect((await upstream.send(openRequest())).status).toBe(200);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.every((line) => line.includes("a metric could not be counted"))).toBe(true);
});

test("a disposed pipeline rejects requests with SHUTDOWN", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
  const upstream = createUpstream({
    ...shared(server.origin),
  });
  await upstream.send(openRequest());

  await upstream[Symbol.asyncDispose]();

  expect(await upstreamErrorOf(upstream.send(openRequest()))).toMatchObject({ code: "SHUTDOWN" });
});

test.each<[OperationClass, number]>([
  ["data", 1],
  ["management", 5],
])(
  "after the circuit for %s closed, %d of five requests are sent at once",
  async (closed, count) => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
    const listeners: HostListener[] = [];
    const common = shared(server.origin);
    await using upstream = createUpstream({
      ...common,
      pool: { origin: server.origin, connections: 5 },
      host: { ...common.host, listen: (listener) => void listeners.push(listener) },
      quota: { mode: "fixed", ceilingPerSecond: 100 },
    });
    expect(listeners).toHaveLength(1);

    for (const listener of listeners) listener.onClose(closed);
    const requests = Array.from({ length: 5 }, () => openRequest());
    const answers = requests.map((request) => upstream.send(request));

    expect(requests.filter(({ call }) => call.attemptLog.attempts === 1)).toHaveLength(count);
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
  },
);

test("a call that waits for a permit is rejected when the circuit of its class opens", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
  const listeners: HostListener[] = [];
  const common = shared(server.origin);
  await using upstream = createUpstream({
    ...common,
    host: { ...common.host, listen: (listener) => void listeners.push(listener) },
    quota: { mode: "fixed", ceilingPerSecond: 2 },
  });
  const rpc = { method: "Any", retry: "safe", attemptTimeoutMs: 3_000 } as const;
  // The window is full then, however fast the token bucket refills.
  await Promise.all([upstream.send(openRequest()), upstream.send(openRequest())]);
  const refused = upstream.send(
    openRequest({ call: { rpc: { ...rpc, priority: "interactive" } } }),
  );
  const spared = upstream.send(openRequest({ call: { rpc: { ...rpc, priority: "bulk" } } }));

  for (const listener of listeners) {
    listener.onOpen("data", () => new UpstreamError("CIRCUIT_OPEN", "as the test says"));
  }

  expect(await upstreamErrorOf(refused)).toMatchObject({ code: "CIRCUIT_OPEN", sent: false });
  expect((await spared).status).toBe(200);
});
