import * as grpc from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { expect, test } from "vitest";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import type { DrivenClock } from "../../../support/driven-clock.ts";
import { countKeys, startTestServer } from "../../../support/test-server.ts";
import type { TestServer, TestServerOptions } from "../../../support/test-server.ts";

interface Draining extends AsyncDisposable {
  readonly fixture: TestServer;
  readonly clock: DrivenClock;
  /** Lets the active calls answer. */
  release(): void;
}

/** A server with 5 s delay and 25 s grace period; its calls wait until released or aborted. */
async function start(options: TestServerOptions = {}): Promise<Draining> {
  const clock = createDrivenClock();
  const waiting: (() => void)[] = [];
  const fixture = await startTestServer({
    clock,
    drain: { delayMs: 5_000, graceMs: 25_000 },
    work: ({ signal }) =>
      new Promise((resolve, reject) => {
        waiting.push(resolve);
        signal.addEventListener("abort", () => {
          if (signal.reason instanceof Error) reject(signal.reason);
        });
      }),
    ...options,
  });
  return {
    fixture,
    clock,
    release: () => {
      for (const resolve of waiting.splice(0)) resolve();
    },
    async [Symbol.asyncDispose]() {
      await fixture[Symbol.asyncDispose]();
    },
  };
}

const inFlight = (fixture: TestServer, count: number): Promise<void> =>
  expect.poll(() => fixture.activeCalls.count, { interval: 1 }).toBe(count);

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test("the server serves until the delay is over, while health is NOT_SERVING", async () => {
  await using draining = await start({ work: () => Promise.resolve() });
  const { fixture, clock } = draining;
  const drained = fixture.server.drain();
  await clock.advance(4_999);

  expect((await countKeys(fixture.newClient())).code).toBe(grpc.status.OK);
  for (const name of ["", "liveness", "readiness", "keyprotect.v1.KeysService"]) {
    expect(fixture.server.health.isServing(name)).toBe(false);
  }
  expect(await isSettled(drained)).toBe(false);
  await clock.advance(1);
  await drained;
});

test("an active call succeeds, and the shutdown ends with it, not with the grace period", async () => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const answer = countKeys(fixture.newClient());
  await inFlight(fixture, 1);
  const drained = fixture.server.drain();
  await clock.advance(5_000);
  await clock.advance(24_000);
  expect(await isSettled(drained)).toBe(false);

  draining.release();
  expect((await answer).totalSize).toBe(7);
  await drained;
  expect(clock.now()).toBe(29_000);
});

test("a call that exceeds the grace period is ended with a typed answer", async () => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const answers = [countKeys(fixture.newClient()), countKeys(fixture.newClient())];
  await inFlight(fixture, 2);
  const drained = fixture.server.drain();
  await clock.advance(5_000);
  await clock.advance(25_000);

  for (const seen of await Promise.all(answers)) {
    expect(seen).toMatchObject({ code: grpc.status.UNAVAILABLE, reason: "SHUTTING_DOWN" });
  }
  await drained;
  expect(fixture.activeCalls.count).toBe(0);
});

test("after the delay a new call is rejected with a status, and a new connection is refused", async () => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const client = fixture.newClient();
  const answer = countKeys(client);
  await inFlight(fixture, 1);
  const drained = fixture.server.drain();
  await clock.advance(5_000);

  expect((await countKeys(fixture.newClient())).code).toBe(grpc.status.UNAVAILABLE);
  expect((await countKeys(client)).code).toBe(grpc.status.UNAVAILABLE);
  expect(fixture.contexts).toHaveLength(1);
  draining.release();
  expect((await answer).code).toBe(grpc.status.OK);
  await drained;
});

test("every call that races with the shutdown is answered or rejected", async () => {
  await using draining = await start({
    work: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const { fixture, clock } = draining;
  const client = fixture.newClient();
  await countKeys(client);
  const answers = Array.from({ length: 200 }, () => countKeys(client));
  const drained = fixture.server.drain();
  await clock.advance(5_000);
  const codes = (await Promise.all(answers)).map((seen) => seen.code);
  await drained;

  const allowed = new Set([grpc.status.OK, grpc.status.UNAVAILABLE]);
  expect(codes.filter((code) => !allowed.has(code))).toEqual([]);
});

test("health watches are notified and ended immediately, so they do not delay the shutdown", async () => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const { path, requestSerialize, responseDeserialize } = healthDefinition["Watch"] ?? {};
  if (path === undefined || requestSerialize === undefined || responseDeserialize === undefined) {
    throw new Error("the health service has no Watch");
  }
  const statuses: unknown[] = [];
  const watch = fixture
    .newClient()
    .makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: "" });
  watch.on("data", ({ status }: { status: unknown }) => statuses.push(status));
  await expect.poll(() => statuses.length).toBe(1);
  const ended = new Promise<grpc.StatusObject>((resolve) => watch.on("status", resolve));

  const drained = fixture.server.drain();
  expect((await ended).code).toBe(grpc.status.OK);
  expect(statuses).toEqual(["SERVING", "NOT_SERVING"]);
  await clock.advance(5_000);
  await drained;
  expect(clock.now()).toBe(5_000);
});

test("idle connections do not delay the shutdown", async () => {
  await using draining = await start({ work: () => Promise.resolve() });
  const { fixture, clock } = draining;
  for (let count = 0; count < 3; count += 1) await countKeys(fixture.newClient());
  const drained = fixture.server.drain();
  await clock.advance(5_000);

  await drained;
});

test("a handler that ignores its signal does not delay the shutdown", async () => {
  await using draining = await start({ work: () => new Promise(() => {}) });
  const { fixture, clock } = draining;
  const answer = countKeys(fixture.newClient());
  await inFlight(fixture, 1);
  const drained = fixture.server.drain();
  await clock.advance(5_000);
  await clock.advance(25_000);

  expect(await answer).toMatchObject({ reason: "SHUTTING_DOWN" });
  await drained;
});

test("a second drain() joins the first", async () => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const drains = [fixture.server.drain(), fixture.server.drain()];
  await clock.advance(5_000);
  await Promise.all(drains);

  expect(fixture.lines.filter((line) => line["msg"] === "draining")).toHaveLength(1);
});

test.each([
  ["delay", 0],
  ["grace", 5_000],
])("disposing of the server ends the %s of a running shutdown", async (_phase, advanceMs) => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const answer = countKeys(fixture.newClient());
  await inFlight(fixture, 1);
  const drained = fixture.server.drain();
  await clock.advance(advanceMs);
  await fixture.server[Symbol.asyncDispose]();
  await drained;

  expect(await answer).toMatchObject({ code: grpc.status.UNAVAILABLE, reason: "SHUTTING_DOWN" });
  expect(clock.now()).toBe(advanceMs);
});

test("a completed shutdown leaves no timer", async () => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const drained = fixture.server.drain();
  await clock.advance(5_000);
  await drained;

  expect(clock.pending).toBe(0);
});

test("the log reports the start of the shutdown, the ended calls, and its completion", async () => {
  await using draining = await start();
  const { fixture, clock } = draining;
  const answer = countKeys(fixture.newClient());
  await inFlight(fixture, 1);
  const drained = fixture.server.drain();
  await clock.advance(5_000);
  await clock.advance(25_000);
  await Promise.all([answer, drained]);

  const lines = fixture.lines.filter((line) => line["level"] !== 50);
  expect(lines.map((line) => line["msg"])).toEqual([
    "serving gRPC",
    "draining",
    "ending active calls",
    "drained",
  ]);
  expect(lines[2]).toMatchObject({ calls: 1, level: 40 });
});
