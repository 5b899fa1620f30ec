import { expect, test } from "vitest";
import type { Emit } from "../../../../src/upstream/meter.ts";
import { httpAnswer, startRawServer } from "../raw-server.ts";
import { openRequest, until, upstreamErrorOf } from "../requests.ts";
import { wayTo } from "./driven-transport.ts";

test("the pool opens no connection before the first request", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("")));
  await using way = wayTo(server.origin);

  expect(way.pool.connected).toBe(0);
  expect(server.accepted).toBe(0);
});

test("the pool counts connections that were set up, and those that could not be", async () => {
  const counted = { opened: 0, failed: 0 };
  const emit: Emit = ({ kind }) => {
    if (kind === "connectionOpened") counted.opened += 1;
    else if (kind === "connectionFailed") counted.failed += 1;
  };
  const server = await startRawServer((socket) => socket.write(httpAnswer("")));
  {
    await using way = wayTo(server.origin, { emit });
    await way.send(openRequest());
    await way.send(openRequest());
  }
  expect(counted).toEqual({ opened: 1, failed: 0 });

  await server[Symbol.asyncDispose]();
  await using way = wayTo(server.origin, { emit });
  expect(await upstreamErrorOf(way.send(openRequest()))).toMatchObject({ code: "UNREACHABLE" });

  expect(counted).toEqual({ opened: 1, failed: 1 });
});

test("the pool opens no more connections than allowed and queues the rest", async () => {
  const answers: (() => void)[] = [];
  await using server = await startRawServer((socket) => {
    answers.push(() => socket.write(httpAnswer("")));
  });
  await using way = wayTo(server.origin, { connections: 2 });
  const sending = [1, 2, 3].map(() => way.send(openRequest()));

  await until(() => answers.length === 2);
  expect(way.pool.queued).toBe(1);
  answers.shift()?.();
  answers.shift()?.();
  await until(() => answers.length === 1);
  answers.shift()?.();
  await Promise.all(sending);

  expect(server.accepted).toBe(2);
});

test("the pool opens a connection for each request on `fresh`, and closes it after the response", async () => {
  let open = 0;
  await using server = await startRawServer((socket) => {
    open += 1;
    socket.once("close", () => (open -= 1));
    socket.write(httpAnswer(""));
  });
  await using way = wayTo(server.origin);
  for (let count = 1; count <= 3; count++) {
    await way.send(openRequest({ onNewConnection: true }));
    await until(() => open === 0);
    expect(server.accepted).toBe(count);
  }
});

test("the pool replaces its connections at their age, without a request that waits", async () => {
  await using server = await startRawServer((socket) => socket.write(httpAnswer("")));
  await using way = wayTo(server.origin, { connections: 1, renewAfterMs: 1_000 });
  await way.send(openRequest());
  await way.clock.advance(999);
  await way.send(openRequest());
  expect(server.accepted).toBe(1);

  await way.clock.advance(1);
  await way.send(openRequest());

  expect(server.accepted).toBe(2);
  await until(() => server.closed === 1);
});

test("a request finishes on a connection that is being replaced", async () => {
  let answerFirst: (() => void) | undefined;
  await using server = await startRawServer((socket, count) => {
    if (count > 1) socket.write(httpAnswer("new"));
    else answerFirst = () => socket.write(httpAnswer("old"));
  });
  await using way = wayTo(server.origin, { connections: 1, renewAfterMs: 1_000 });
  const first = way.send(openRequest());
  await until(() => server.requests.length === 1);
  await way.clock.advance(1_000);

  expect((await way.send(openRequest())).body.toString()).toBe("new");
  answerFirst?.();

  expect((await first).body.toString()).toBe("old");
});

test("a disposed pool finishes requests in progress and rejects later ones with SHUTDOWN", async () => {
  let answer: (() => void) | undefined;
  await using server = await startRawServer((socket) => {
    answer = () => socket.write(httpAnswer("done"));
  });
  await using way = wayTo(server.origin);
  const first = way.send(openRequest());
  await until(() => server.requests.length === 1);

  const closing = way.pool[Symbol.asyncDispose]();
  expect(await upstreamErrorOf(way.send(openRequest()))).toMatchObject({
    code: "SHUTDOWN",
    sent: false,
  });
  answer?.();
  expect((await first).body.toString()).toBe("done");
  await closing;
  await way.pool[Symbol.asyncDispose]();

  await until(() => server.closed === 1);
  expect(server.requests).toHaveLength(1);
});

test("it is always known whether a request was sent to a server that closes idle connections", async () => {
  // The server closes right after each response, so that the close and the next request often
  // cross.
  await using server = await startRawServer((socket) => {
    socket.write(httpAnswer("ok"));
    setImmediate(() => socket.end());
  });
  await using way = wayTo(server.origin);
  const failures: unknown[] = [];

  for (let n = 0; n < 300; n += 1) {
    await way.send(openRequest()).catch((error: unknown) => failures.push(error));
  }

  // A written request must not be retried here. It may fail, but its error must say that it was
  // sent.
  for (const failure of failures) expect(failure).toMatchObject({ code: "RESET", sent: true });
  expect(failures.length).toBeLessThan(300);
  expect(way.clock.pending).toBe(0);
});
