import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { httpAnswer, startRawServer } from "../raw-server.ts";
import { openRequest, until, upstreamErrorOf } from "../requests.ts";
import { wayTo } from "./driven-transport.ts";

describe("an exchange", () => {
  test("an exchange resolves with status, joined lower-case headers and the body", async () => {
    await using server = await startRawServer((socket) =>
      socket.write(httpAnswer("hello", { status: 201, headers: ["X-Twice: a", "X-Twice: b"] })),
    );
    await using way = wayTo(server.origin);
    const request = openRequest();

    const response = await way.send(request);

    expect(response.status).toBe(201);
    expect(response.body.toString()).toBe("hello");
    expect(response.headers).toMatchObject({ "x-twice": "a, b", "content-length": "5" });
    expect(request.call.attemptLog).toEqual({ attempts: 1, httpStatus: 201 });
  });

  test("an exchange sends method, path, headers and body as given, and no accept-encoding", async () => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("")));
    await using way = wayTo(server.origin);

    await way.send(
      openRequest({
        method: "POST",
        path: "/api/v2/keys?limit=1",
        headers: { "bluemix-instance": "i-1", "content-type": "application/json" },
        body: Buffer.from("{}"),
      }),
    );

    expect(server.requests[0]).toContain("POST /api/v2/keys?limit=1 HTTP/1.1\r\n");
    expect(server.requests[0]).toContain("\r\nbluemix-instance: i-1\r\n");
    expect(server.requests[0]).toContain("\r\ncontent-length: 2");
    expect(server.requests[0]?.toLowerCase()).not.toContain("accept-encoding");
  });

  test("a body that comes in pieces is joined", async () => {
    await using server = await startRawServer((socket) => {
      socket.write("HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
      setTimeout(() => socket.write("4\r\ndefg\r\n0\r\n\r\n"), 5);
    });
    await using way = wayTo(server.origin);

    const response = await way.send(openRequest());

    expect(response.body.toString()).toBe("abcdefg");
  });

  test.each([301, 302, 307, 308])("a redirect with status %i is not followed", async (status) => {
    await using server = await startRawServer((socket) =>
      socket.write(httpAnswer("", { status, headers: ["location: /elsewhere"] })),
    );
    await using way = wayTo(server.origin);

    const response = await way.send(openRequest({ headers: { authorization: "Bearer t" } }));

    expect(response.status).toBe(status);
    expect(server.requests).toHaveLength(1);
  });

  test("the response to HEAD has no body, whatever length is announced", async () => {
    await using server = await startRawServer((socket) =>
      socket.write("HTTP/1.1 200 -\r\ncontent-length: 999999\r\nkey-total: 7\r\n\r\n"),
    );
    await using way = wayTo(server.origin);

    const response = await way.send(openRequest({ method: "HEAD" }));

    expect(response.headers["key-total"]).toBe("7");
    expect(response.body).toHaveLength(0);
  });

  test("an early hint is skipped and the final response returned", async () => {
    await using server = await startRawServer((socket) =>
      socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${httpAnswer("final")}`),
    );
    await using way = wayTo(server.origin);

    const response = await way.send(openRequest());

    expect(response.status).toBe(200);
    expect(response.body.toString()).toBe("final");
  });

  test("an HTML body is returned as it is", async () => {
    await using server = await startRawServer((socket) =>
      socket.write(httpAnswer("<html>", { status: 502, headers: ["content-type: text/html"] })),
    );
    await using way = wayTo(server.origin);

    await expect(way.send(openRequest())).resolves.toMatchObject({ status: 502 });
  });

  test("an exchange uses the connection of the one before", async () => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("x")));
    await using way = wayTo(server.origin);

    for (let n = 0; n < 5; n += 1) await way.send(openRequest());

    expect(server.accepted).toBe(1);
    expect(way.clock.pending).toBe(0);
  });

  test("a request that HTTP cannot express is a plain error, not the upstream's failure", async () => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("")));
    await using way = wayTo(server.origin);

    const sending = way.send(openRequest({ headers: { "x-bad": "a\r\nb: injected" } }));

    await expect(sending).rejects.toThrow("the gateway built a request that cannot be sent");
    expect(server.requests).toHaveLength(0);
    expect(way.clock.pending).toBe(0);
  });
});

describe("an exchange that cannot begin", () => {
  test("a refused port is UNREACHABLE and not sent", async () => {
    const server = await startRawServer(() => undefined);
    await server[Symbol.asyncDispose]();
    await using way = wayTo(server.origin);
    const request = openRequest();

    const error = await upstreamErrorOf(way.send(request));

    expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
    expect(request.call.attemptLog).toEqual({ attempts: 1, httpStatus: undefined });
  });

  test("a host without an address is UNREACHABLE and not sent", async () => {
    await using way = wayTo("http://no-such-host.invalid");

    const error = await upstreamErrorOf(way.send(openRequest()));

    expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
  });

  test("a connection that is reset during the TLS handshake is UNREACHABLE and not sent", async () => {
    await using server = await startRawServer(
      () => undefined,
      (socket) => socket.resetAndDestroy(),
    );
    await using way = wayTo(`https://127.0.0.1:${server.port}`);

    const error = await upstreamErrorOf(way.send(openRequest()));

    expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
  });

  test("a handshake that exceeds the connect time-out is UNREACHABLE", async () => {
    await using server = await startRawServer(() => undefined);
    await using way = wayTo(`https://127.0.0.1:${server.port}`);
    const failing = upstreamErrorOf(way.send(openRequest()));
    await until(() => server.accepted === 1);

    await way.clock.advance(900);

    expect(await failing).toMatchObject({ code: "UNREACHABLE", sent: false });
    await until(() => server.closed === 1);
  });

  test("an exchange ends at the attempt time-out although the handshake hangs", async () => {
    await using server = await startRawServer(() => undefined);
    await using way = wayTo(`https://127.0.0.1:${server.port}`);
    const failing = upstreamErrorOf(way.send(openRequest({ attemptTimeoutMs: 100 })));

    await until(() => server.accepted === 1);
    await way.clock.advance(100);

    expect(await failing).toMatchObject({ code: "ATTEMPT_TIMEOUT", sent: false });
  });

  test.each([
    { end: "cancelled", code: "CANCELLED" },
    { end: "deadline", code: "DEADLINE" },
    { end: "shutdown", code: "SHUTDOWN" },
  ] as const)("settles at once with $code although it waits", async ({ end, code }) => {
    await using server = await startRawServer(() => undefined);
    await using way = wayTo(`https://127.0.0.1:${server.port}`);
    const request = openRequest();
    const failing = upstreamErrorOf(way.send(request));

    await until(() => server.accepted === 1);
    request.end(end);

    expect(await failing).toMatchObject({ code, sent: false });
  });

  test("a request that ended in the pool's queue is never sent, and its connection stays in use", async () => {
    let answerFirst: (() => void) | undefined;
    await using server = await startRawServer((socket, count) => {
      if (count > 1) socket.write(httpAnswer("at once"));
      else answerFirst = () => socket.write(httpAnswer("first"));
    });
    await using way = wayTo(server.origin);
    const first = way.send(openRequest({ path: "/first" }));
    await until(() => server.requests.length === 1);
    const waiting = openRequest({ method: "POST", path: "/given-up", body: Buffer.from("{}") });
    const failing = upstreamErrorOf(way.send(waiting));
    const third = way.send(openRequest({ path: "/third" }));

    waiting.end("deadline");
    expect(await failing).toMatchObject({ code: "DEADLINE", sent: false });
    answerFirst?.();
    await Promise.all([first, third]);

    expect(server.requests.map((head) => head.split(" ")[1])).toEqual(["/first", "/third"]);
    expect(server.accepted).toBe(1);
  });

  test("an exchange is not begun for a call that has ended", async () => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("")));
    await using way = wayTo(server.origin);
    const request = openRequest();
    request.end("shutdown");

    const error = await upstreamErrorOf(way.send(request));

    expect(error).toMatchObject({ code: "SHUTDOWN", sent: false });
    expect(request.call.attemptLog.attempts).toBe(0);
    expect(server.accepted).toBe(0);
  });
});

describe("an exchange that has begun", () => {
  test("a connection that is reset after writing is RESET and sent", async () => {
    await using server = await startRawServer((socket) => socket.resetAndDestroy());
    await using way = wayTo(server.origin);

    const error = await upstreamErrorOf(way.send(openRequest({ method: "POST" })));

    expect(error).toMatchObject({ code: "RESET", sent: true });
    expect(server.requests).toHaveLength(1);
  });

  test("a connection that is closed without a response is RESET and sent", async () => {
    await using server = await startRawServer((socket) => socket.end());
    await using way = wayTo(server.origin);

    const error = await upstreamErrorOf(way.send(openRequest()));

    expect(error).toMatchObject({ code: "RESET", sent: true });
  });

  test("a request is never written again by undici when a used connection breaks", async () => {
    await using server = await startRawServer((socket, count) => {
      if (count === 1) socket.write(httpAnswer("ok"));
      else socket.resetAndDestroy();
    });
    await using way = wayTo(server.origin);
    await way.send(openRequest());

    for (const method of ["GET", "PUT", "POST"] as const) {
      const before = server.requests.length;
      const error = await upstreamErrorOf(way.send(openRequest({ method })));
      expect(error).toMatchObject({ code: "RESET", sent: true });
      expect(server.requests).toHaveLength(before + 1);
    }
  });

  test("an exchange ends at the attempt time-out when no response comes", async () => {
    await using server = await startRawServer(() => undefined);
    await using way = wayTo(server.origin);
    const failing = upstreamErrorOf(way.send(openRequest({ attemptTimeoutMs: 3_000 })));
    await until(() => server.requests.length === 1);

    await way.clock.advance(3_000);

    const error = await failing;
    expect(error).toMatchObject({ code: "ATTEMPT_TIMEOUT", sent: true });
    expect(error.message).toBe("no complete answer within 3000 ms");
    await until(() => server.closed === 1);
  });

  test("an exchange ends at the attempt time-out when the body stalls after the headers", async () => {
    await using server = await startRawServer((socket) =>
      socket.write("HTTP/1.1 200 -\r\ncontent-length: 10\r\n\r\nabc"),
    );
    await using way = wayTo(server.origin);
    const request = openRequest({ attemptTimeoutMs: 3_000 });
    const failing = upstreamErrorOf(way.send(request));
    await until(() => request.call.attemptLog.httpStatus === 200);

    await way.clock.advance(3_000);

    expect(await failing).toMatchObject({ code: "ATTEMPT_TIMEOUT", sent: true });
    await until(() => server.closed === 1);
  });

  test("an exchange ends at the attempt time-out when the response drips", async () => {
    await using server = await startRawServer((socket) => {
      socket.write("HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n");
      const drip = setInterval(() => socket.write("1\r\nx\r\n"), 5);
      socket.on("close", () => clearInterval(drip));
    });
    await using way = wayTo(server.origin);
    const request = openRequest({ attemptTimeoutMs: 3_000 });
    const failing = upstreamErrorOf(way.send(request));
    await until(() => request.call.attemptLog.httpStatus === 200);

    await way.clock.advance(3_000);

    expect(await failing).toMatchObject({ code: "ATTEMPT_TIMEOUT" });
    await until(() => server.closed === 1);
  });

  test("a successful exchange leaves no timer and no listener behind", async () => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("ok")));
    await using way = wayTo(server.origin);
    const request = openRequest();

    await way.send(request);
    request.end("cancelled");
    await way.clock.advance(60_000);

    expect(way.clock.pending).toBe(0);
    await way.send(openRequest());
    expect(server.accepted).toBe(1);
  });
});

describe("an answer that cannot be trusted", () => {
  const endless = `HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n`;
  test.each([
    ["that is not HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
    ["that announces too large a body", "HTTP/1.1 200 -\r\ncontent-length: 1025\r\n\r\n"],
    ["with two lengths", "HTTP/1.1 200 -\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
    [
      "with length and chunks",
      "HTTP/1.1 200 -\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["with a broken chunk", `${endless}zz\r\nabc\r\n`],
    ["with a chunk that is too large", `${endless}401\r\n${"x".repeat(1_025)}\r\n0\r\n\r\n`],
    ["with too many chunks", `${endless}${"1\r\nx\r\n".repeat(1_025)}0\r\n\r\n`],
    ["with too large headers", `HTTP/1.1 200 -\r\nx: ${"y".repeat(20_000)}\r\n\r\n`],
    ["that is compressed", httpAnswer("x", { headers: ["content-encoding: gzip"] })],
    ["that switches protocols", "HTTP/1.1 101 -\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"],
  ])(
    "a response that is malformed (%s) is BAD_RESPONSE and its connection is closed",
    async (_name, answer) => {
      await using server = await startRawServer((socket) => socket.write(answer));
      await using way = wayTo(server.origin);

      const error = await upstreamErrorOf(way.send(openRequest()));

      expect(error).toMatchObject({ code: "BAD_RESPONSE", sent: true });
      await until(() => server.closed === 1);
      // undici replaces an aborted connection at once, with a timer while it connects.
      await until(() => way.clock.pending === 0);
    },
  );

  test("a response shorter than announced is rejected", async () => {
    await using server = await startRawServer((socket) =>
      socket.end("HTTP/1.1 200 -\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc"),
    );
    await using way = wayTo(server.origin);

    const error = await upstreamErrorOf(way.send(openRequest()));

    expect(error).toMatchObject({ code: "BAD_RESPONSE", sent: true });
  });

  test("a response cut off on a keep-alive connection is rejected", async () => {
    await using server = await startRawServer((socket) =>
      socket.end("HTTP/1.1 200 -\r\ncontent-length: 10\r\n\r\nabc"),
    );
    await using way = wayTo(server.origin);

    const error = await upstreamErrorOf(way.send(openRequest()));

    expect(error).toMatchObject({ code: "RESET", sent: true });
  });

  test.each(["content-length: 10\r\nconnection: close", "content-length: 10"])(
    "an error response keeps status and headers although its body is cut off (%s)",
    async (headers) => {
      await using server = await startRawServer((socket) =>
        socket.end(`HTTP/1.1 429 -\r\nretry-after: 3\r\n${headers}\r\n\r\nabc`),
      );
      await using way = wayTo(server.origin);

      const response = await way.send(openRequest());

      expect(response).toMatchObject({ status: 429, headers: { "retry-after": "3" } });
      expect(response.body).toHaveLength(0);
    },
  );

  test("a body of the largest size allowed is accepted", async () => {
    const body = "x".repeat(1_024);
    await using server = await startRawServer((socket) => socket.write(httpAnswer(body)));
    await using way = wayTo(server.origin);

    const response = await way.send(openRequest());

    expect(response.body.toString()).toBe(body);
  });

  test("the error of a rejected response has none of its bytes", async () => {
    await using server = await startRawServer((socket) =>
      socket.write("HTTP/1.1 200 -\r\nkey-material SECRET\r\n\r\n"),
    );
    await using way = wayTo(server.origin);

    const error = await upstreamErrorOf(way.send(openRequest()));

    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("SECRET");
  });

  test("a rejected response does not stop the next request", async () => {
    await using server = await startRawServer((socket, count) =>
      socket.write(count === 1 ? "nonsense\r\n\r\n" : httpAnswer("fine")),
    );
    await using way = wayTo(server.origin);

    await upstreamErrorOf(way.send(openRequest()));

    await expect(way.send(openRequest())).resolves.toMatchObject({ status: 200 });
  });
});
