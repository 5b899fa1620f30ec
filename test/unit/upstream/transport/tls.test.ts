import { once } from "node:events";
import { createServer } from "node:https";
import type { ServerOptions } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import type { Server, Socket } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { createCertificateAuthority } from "../../../support/certificates.ts";
import { startRawServer } from "../raw-server.ts";
import { openRequest, until, upstreamErrorOf } from "../requests.ts";
import { wayTo } from "./driven-transport.ts";

const authority = createCertificateAuthority();
const stranger = createCertificateAuthority("somebody else");
const hourMs = 3_600_000;

interface Listening extends AsyncDisposable {
  readonly port: number;
  readonly requests: readonly string[];
}

async function listening(server: Server, requests: readonly string[] = []): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

function startHttps(options: ServerOptions): Promise<Listening> {
  const requests: string[] = [];
  const server = createServer(options, (request, response) => {
    requests.push(request.url ?? "");
    response.end("ok");
  });
  return listening(server, requests);
}

describe("TLS", () => {
  test("a TLS connection is made to a server whose certificate is by the given authority", async () => {
    await using server = await startHttps(authority.issue({ ipAddresses: ["127.0.0.1"] }));
    await using way = wayTo(`https://127.0.0.1:${server.port}`, { ca: authority.cert });

    const response = await way.send(openRequest());

    expect(response.body.toString()).toBe("ok");
  });

  test("the DNS name of the host is checked against the certificate", async () => {
    await using server = await startHttps(authority.issue({ dnsNames: ["localhost"] }));
    await using way = wayTo(`https://localhost:${server.port}`, { ca: [authority.cert] });

    await expect(way.send(openRequest())).resolves.toMatchObject({ status: 200 });
  });

  test.each([
    ["by nobody known", () => stranger.issue({ ipAddresses: ["127.0.0.1"] })],
    ["for another address", () => authority.issue({ ipAddresses: ["127.0.0.2"] })],
    ["for a name alone", () => authority.issue({ dnsNames: ["localhost"] })],
    ["without any name", () => authority.issue({ commonName: "127.0.0.1" })],
    [
      "that has expired",
      () =>
        authority.issue({
          ipAddresses: ["127.0.0.1"],
          notBefore: new Date(Date.now() - 2 * hourMs),
          notAfter: new Date(Date.now() - hourMs),
        }),
    ],
    [
      "that is not valid yet",
      () =>
        authority.issue({
          ipAddresses: ["127.0.0.1"],
          notBefore: new Date(Date.now() + hourMs),
          notAfter: new Date(Date.now() + 2 * hourMs),
        }),
    ],
    ["for clients only", () => authority.issue({ ipAddresses: ["127.0.0.1"], usages: ["client"] })],
    ["that signs itself", () => ({ cert: stranger.cert, key: stranger.key })],
  ])("a certificate %s is rejected before anything is sent", async (_name, issue) => {
    await using server = await startHttps(issue());
    await using way = wayTo(`https://127.0.0.1:${server.port}`, { ca: authority.cert });

    const error = await upstreamErrorOf(
      way.send(openRequest({ headers: { authorization: "Bearer SECRET" } })),
    );

    expect(error).toMatchObject({ code: "TLS", sent: false });
    expect(error.message).not.toContain("127.0.0.1");
    expect(server.requests).toHaveLength(0);
  });

  test("a certificate of an authority that is not among the system's is rejected", async () => {
    await using server = await startHttps(authority.issue({ ipAddresses: ["127.0.0.1"] }));
    await using way = wayTo(`https://127.0.0.1:${server.port}`);

    expect(await upstreamErrorOf(way.send(openRequest()))).toMatchObject({ code: "TLS" });
  });

  test("such a certificate is rejected although the environment turns verification off", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      await using server = await startHttps(authority.issue({ ipAddresses: ["127.0.0.1"] }));
      await using way = wayTo(`https://127.0.0.1:${server.port}`);

      expect(await upstreamErrorOf(way.send(openRequest()))).toMatchObject({ code: "TLS" });
      expect(server.requests).toHaveLength(0);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("a server that offers TLS 1.1 at most is rejected", async () => {
    await using server = await startHttps({
      ...authority.issue({ ipAddresses: ["127.0.0.1"] }),
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    await using way = wayTo(`https://127.0.0.1:${server.port}`, { ca: authority.cert });

    const error = await upstreamErrorOf(way.send(openRequest()));

    expect(error).toMatchObject({ code: "TLS", sent: false });
    expect(server.requests).toHaveLength(0);
  });

  test("a server that speaks plain text is rejected", async () => {
    await using server = await startRawServer(
      () => undefined,
      (socket) => socket.write("HTTP/1.1 400 -\r\ncontent-length: 0\r\n\r\n"),
    );
    await using way = wayTo(`https://127.0.0.1:${server.port}`);

    expect(await upstreamErrorOf(way.send(openRequest()))).toMatchObject({
      code: "TLS",
      sent: false,
    });
  });

  test("a call that ended while the handshake hung sends nothing", async () => {
    await using server = await startHttps(authority.issue({ ipAddresses: ["127.0.0.1"] }));
    // Holds the client's bytes back, so that the handshake hangs until the test releases them.
    const held: (() => void)[] = [];
    await using gate = await listening(
      createTcpServer((socket) => {
        held.push(() => {
          const through = connect(server.port, "127.0.0.1");
          through.on("error", () => undefined);
          socket.pipe(through).pipe(socket);
        });
      }),
    );
    await using way = wayTo(`https://127.0.0.1:${gate.port}`, { ca: authority.cert });
    const request = openRequest({ method: "POST", path: "/given-up", body: Buffer.from("{}") });
    const failing = upstreamErrorOf(way.send(request));
    await until(() => held.length === 1);
    await way.clock.advance(100);

    request.end("deadline");
    expect(await failing).toMatchObject({ code: "DEADLINE", sent: false });
    const next = way.send(openRequest({ path: "/next" }));
    for (const letGo of held) letGo();
    await next;

    expect(server.requests).toEqual(["/next"]);
  });
});
