import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { httpAnswer, startRawServer } from "../raw-server.ts";
import { openRequest, until, upstreamErrorOf } from "../requests.ts";
import { wayTo } from "./driven-transport.ts";

const channel = "undici:request:bodyChunkReceived";

/** The buffers of all pieces of response bodies that undici delivered. */
let pieces: Buffer[] = [];

const keep = (message: unknown): void => {
  if (typeof message === "object" && message !== null && "chunk" in message) {
    if (Buffer.isBuffer(message.chunk)) pieces.push(message.chunk);
  }
};

beforeEach(() => {
  pieces = [];
  subscribe(channel, keep);
});
afterEach(() => {
  unsubscribe(channel, keep);
});

const allZero = (): boolean => pieces.every((piece) => piece.every((byte) => byte === 0));

test("onSent is called once per exchange, before its response, and not if nothing is written", async () => {
  await using server = await startRawServer((socket) => void socket.write(httpAnswer("ok")));
  await using way = wayTo(server.origin);
  const events: string[] = [];
  const onSent = (): void => void events.push("sent");
  await way.send(openRequest({ onSent }));
  events.push("answered");
  await way.send(openRequest({ onSent }));
  expect(events).toEqual(["sent", "answered", "sent"]);

  const ended = openRequest({ onSent });
  ended.end("cancelled");
  await upstreamErrorOf(way.send(ended));
  await using nowhere = wayTo("http://127.0.0.1:1");
  await upstreamErrorOf(nowhere.send(openRequest({ onSent })));
  expect(events).toHaveLength(3);
});

describe("an exchange whose caller cancels", () => {
  test("a call that cancels is answered at once, and its exchange may finish and keep its connection", async () => {
    let answer: (() => void) | undefined;
    await using server = await startRawServer((socket) => {
      answer = () => socket.write(httpAnswer("SECRET"));
    });
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => server.requests.length === 1);

    request.end("cancelled");
    expect(await failing).toMatchObject({ code: "CANCELLED", sent: true });
    await way.clock.advance(249);
    answer?.();
    await until(() => pieces.length > 0);
    await until(() => way.clock.pending === 0);
    const next = way.send(openRequest());
    await until(() => server.requests.length === 2);
    answer?.();
    await next;

    expect(server.accepted).toBe(1);
  });

  test("the exchange of a call that cancelled loses its connection after 250 ms without a response", async () => {
    await using server = await startRawServer(() => undefined);
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => server.requests.length === 1);
    request.end("cancelled");
    await failing;

    await way.clock.advance(249);
    expect(server.closed).toBe(0);
    await way.clock.advance(1);

    await until(() => server.closed === 1);
    // undici replaces an aborted connection at once, with a timer while it connects.
    await until(() => way.clock.pending === 0);
  });

  test("a connection that breaks after a cancellation leaves no timer behind", async () => {
    let breakOff: (() => void) | undefined;
    await using server = await startRawServer((socket) => {
      breakOff = () => socket.resetAndDestroy();
    });
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => server.requests.length === 1);
    request.end("cancelled");
    await failing;

    breakOff?.();

    await until(() => way.clock.pending === 0);
  });

  test("the pool is usable for the next caller after a cancellation", async () => {
    await using server = await startRawServer((socket, count) => {
      if (count > 1) socket.write(httpAnswer("next"));
    });
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => server.requests.length === 1);
    request.end("cancelled");
    await failing;
    const next = way.send(openRequest());
    await way.clock.advance(250);

    expect((await next).body.toString()).toBe("next");
  });
});

describe.each(["deadline", "shutdown"] as const)("an exchange ended by the %s", (end) => {
  test("the exchange of a call that ended loses its connection at once", async () => {
    await using server = await startRawServer(() => undefined);
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => server.requests.length === 1);

    request.end(end);

    expect(await failing).toMatchObject({ code: end.toUpperCase(), sent: true });
    await until(() => server.closed === 1);
    // undici replaces an aborted connection at once, with a timer while it connects.
    await until(() => way.clock.pending === 0);
  });
});

describe("the bytes of an answer", () => {
  test("bytes of a response that came before the call ended are zeroed", async () => {
    await using server = await startRawServer((socket) =>
      socket.write("HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n6\r\nSECRET\r\n"),
    );
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => pieces.length > 0);
    expect(pieces[0]?.toString()).toBe("SECRET");

    request.end("deadline");
    await failing;

    expect(allZero()).toBe(true);
  });

  test("bytes of a response that come after the caller cancelled are zeroed", async () => {
    let answer: (() => void) | undefined;
    await using server = await startRawServer((socket) => {
      answer = () => socket.write(httpAnswer("SECRET"));
    });
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => server.requests.length === 1);
    request.end("cancelled");
    await failing;

    answer?.();
    await until(() => pieces.length > 0);

    expect(allZero()).toBe(true);
  });

  test("bytes of a response whose body is too large are zeroed", async () => {
    await using server = await startRawServer((socket) =>
      socket.write(
        `HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n${"3\r\nKEY\r\n".repeat(400)}`,
      ),
    );
    await using way = wayTo(server.origin);

    await upstreamErrorOf(way.send(openRequest()));

    expect(pieces.length).toBeGreaterThan(1);
    expect(allZero()).toBe(true);
  });

  test("bytes of a response whose connection breaks in the middle are zeroed", async () => {
    await using server = await startRawServer((socket) =>
      socket.end("HTTP/1.1 200 -\r\ncontent-length: 100\r\n\r\nSECRET"),
    );
    await using way = wayTo(server.origin);

    await upstreamErrorOf(way.send(openRequest()));

    expect(pieces.length).toBeGreaterThan(0);
    expect(allZero()).toBe(true);
  });

  test("a piece of a body whose length was announced is zeroed as soon as it is copied", async () => {
    await using server = await startRawServer((socket) =>
      socket.write("HTTP/1.1 200 -\r\ncontent-length: 100\r\n\r\nSECRET"),
    );
    await using way = wayTo(server.origin);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));
    await until(() => pieces.length > 0);
    expect(allZero()).toBe(true);

    request.end("deadline");
    await failing;
  });

  test("the pieces of a body are zeroed after they were joined", async () => {
    await using server = await startRawServer((socket) =>
      socket.write(
        "HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n3\r\nSEC\r\n3\r\nRET\r\n0\r\n\r\n",
      ),
    );
    await using way = wayTo(server.origin);

    const { body } = await way.send(openRequest());

    expect(body.toString()).toBe("SECRET");
    expect(pieces).toHaveLength(2);
    expect(allZero()).toBe(true);
  });
});
