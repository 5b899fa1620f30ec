import { createServer, type Server } from "node:https";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Secret } from "../../../../src/platform/secret.ts";
import type { UpstreamError } from "../../../../src/upstream/error.ts";
import type { PoolOptions } from "../../../../src/upstream/transport/pool.ts";
import { createCertificateAuthority } from "../../../support/certificates.ts";
import { startTestProxy, type ProxyMood, type TestProxy } from "../../../support/test-proxy.ts";
import { httpAnswer, startRawServer } from "../raw-server.ts";
import { openRequest, until, upstreamErrorOf } from "../requests.ts";
import { wayTo, type Way } from "./driven-transport.ts";

const authority = createCertificateAuthority();
const stranger = createCertificateAuthority("somebody else");
/** A name that no DNS knows. */
const name = "keyprotect.test";

/** A transport to `http://keyprotect.test`, or to another URL, through a proxy. */
const throughProxy = (
  proxy: TestProxy,
  url: string,
  options: Partial<PoolOptions> = {},
  scheme = "http",
): Way => wayTo(url, { proxy: { origin: `${scheme}://127.0.0.1:${proxy.port}` }, ...options });

const startService = () => startRawServer((socket) => socket.write(httpAnswer("done")));

interface HttpsService extends AsyncDisposable {
  readonly url: string;
  readonly server: Server;
}

async function startHttps(names: readonly string[] = [name]): Promise<HttpsService> {
  const server = createServer(authority.issue({ dnsNames: names }), (_, response) => {
    response.end("secured");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `https://${name}:${address.port}`,
    server,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The error of a request that the proxy keeps from the server. */
async function refusedBy(
  mood: ProxyMood,
  options: Partial<PoolOptions> = {},
): Promise<{ error: UpstreamError; text: string; proxy: TestProxy }> {
  await using service = await startService();
  await using proxy = await startTestProxy();
  proxy.mood = mood;
  await using way = throughProxy(proxy, `http://${name}:${service.port}`, options);
  const request = openRequest({ method: "POST", body: Buffer.from("{}") });
  const error = await upstreamErrorOf(way.send(request));
  await until(() => proxy.open === 0);
  expect(service.accepted).toBe(0);
  expect(way.clock.pending).toBe(0);
  return { error, text: `127.0.0.1:${proxy.port}`, proxy };
}

test("requests go through one tunnel of the proxy, which is kept alive", async () => {
  await using service = await startService();
  await using proxy = await startTestProxy();
  await using way = throughProxy(proxy, `http://${name}:${service.port}`);

  for (let count = 0; count < 3; count++) {
    expect((await way.send(openRequest())).body.toString()).toBe("done");
  }

  expect(proxy.connects).toEqual([`${name}:${service.port}`]);
  expect(way.pool.connected).toBe(1);
  expect(service.requests[0]).toContain(`host: ${name}:${service.port}`);
  expect(service.requests[0]).not.toContain("proxy");
});

test("the pool opens no more tunnels than connections", async () => {
  await using service = await startService();
  await using proxy = await startTestProxy();
  await using way = throughProxy(proxy, `http://${name}:${service.port}`, { connections: 2 });

  await Promise.all(Array.from({ length: 6 }, () => way.send(openRequest())));

  expect(proxy.connects).toHaveLength(2);
});

test("a request that needs a new tunnel while the pool is being replaced gets one", async () => {
  // The server closes after each response, so that the second request needs a new connection.
  await using service = await startRawServer((socket) =>
    socket.end(httpAnswer("done", { headers: ["connection: close"] })),
  );
  await using proxy = await startTestProxy();
  await using way = throughProxy(proxy, `http://${name}:${service.port}`);
  const sending = [way.send(openRequest()), way.send(openRequest())];
  const closing = way.pool[Symbol.asyncDispose]();

  expect((await Promise.all(sending)).map(({ body }) => body.toString())).toEqual(["done", "done"]);
  await closing;
});

test("an IPv6 address is asked for in brackets, and without a port in the URL the scheme's", async () => {
  await using proxy = await startTestProxy();
  proxy.mood = { status: 403 };
  for (const url of ["http://[2001:db8::1]:8080", "http://keyprotect.test", `https://${name}`]) {
    await using way = throughProxy(proxy, url);
    await upstreamErrorOf(way.send(openRequest()));
  }
  expect(proxy.connects).toEqual(["[2001:db8::1]:8080", `${name}:80`, `${name}:443`]);
});

describe("user and password", () => {
  const credentials = "us er:p%C3:ß";

  test("user and password are sent to the proxy, not to the server", async () => {
    await using service = await startService();
    await using proxy = await startTestProxy({ credentials });
    await using way = wayTo(`http://${name}:${service.port}`, {
      proxy: {
        origin: `http://127.0.0.1:${proxy.port}`,
        credentials: new Secret(credentials),
      },
    });
    expect((await way.send(openRequest())).status).toBe(200);
    expect(service.requests.join()).not.toContain("authorization");
  });

  test("a wrong password is UNREACHABLE with the proxy's 407, and never in the text", async () => {
    await using proxy = await startTestProxy({ credentials });
    await using way = wayTo(`http://${name}:1`, {
      proxy: {
        origin: `http://127.0.0.1:${proxy.port}`,
        credentials: new Secret("user:wrong-password"),
      },
    });
    const error = await upstreamErrorOf(way.send(openRequest()));
    expect(error).toMatchObject({
      code: "UNREACHABLE",
      sent: false,
      message: `the proxy 127.0.0.1:${proxy.port} answered CONNECT with status 407`,
      cause: { name: "ProxyError", code: "PROXY_REFUSED", httpStatus: 407 },
    });
  });
});

describe("a proxy that makes no tunnel", () => {
  test.each([301, 400, 403, 407, 429, 500, 502, 503, 504])(
    "a proxy that answers %d leaves the request unsent",
    async (status) => {
      const { error, text } = await refusedBy({ status });
      expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
      expect(error.message).toBe(`the proxy ${text} answered CONNECT with status ${status}`);
    },
  );

  test("a proxy that closes the connection is asked once and leaves the request unsent", async () => {
    const { error, text, proxy } = await refusedBy("drop");
    expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
    expect(error.message).toBe(`the proxy ${text} cannot be reached or closed the connection`);
    expect(proxy.connects).toHaveLength(1);
  });

  test("a proxy that resets the tunnel it promised leaves the request unsent", async () => {
    await using service = await startHttps();
    await using proxy = await startTestProxy();
    proxy.mood = "promise and reset";
    await using way = throughProxy(proxy, service.url, { ca: authority.cert });
    const error = await upstreamErrorOf(way.send(openRequest()));
    expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
    expect(proxy.connects).toHaveLength(1);
  });

  test("a proxy that does not listen leaves the request unsent", async () => {
    const gone = await startTestProxy();
    await gone[Symbol.asyncDispose]();
    await using way = throughProxy(gone, `http://${name}:1`);
    const error = await upstreamErrorOf(way.send(openRequest()));
    expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
    expect(error.message).toContain(`the proxy 127.0.0.1:${gone.port} cannot be reached`);
  });

  test("failed tunnels are counted as failed connections", async () => {
    const kinds: string[] = [];
    await refusedBy({ status: 503 }, { emit: ({ kind }) => void kinds.push(kind) });
    expect(kinds).toEqual(["connectionFailed"]);
  });
});

describe("the connect time-out", () => {
  test.each([
    ["a proxy that does not answer", "hang", `http://${name}:1`],
    ["a proxy that does not answer, before TLS,", "hang", `https://${name}:1`],
  ] as const)("%s is given up after exactly the connect time-out", async (_, mood, url) => {
    await using proxy = await startTestProxy();
    proxy.mood = mood;
    await using way = throughProxy(proxy, url, { connectTimeoutMs: 700 });
    let isOver = false;
    const failing = upstreamErrorOf(way.send(openRequest())).finally(() => (isOver = true));
    await until(() => proxy.connects.length === 1);
    await way.clock.advance(699);
    expect(isOver).toBe(false);
    await way.clock.advance(1);

    expect(await failing).toMatchObject({ code: "UNREACHABLE", sent: false });
    expect((await failing).message).toContain(`the proxy 127.0.0.1:${proxy.port} in time`);
    await until(() => proxy.open === 0);
  });

  test("a proxy that does not shake hands is given up after the connect time-out", async () => {
    await using silent = await startRawServer(() => undefined);
    await using way = wayTo(`http://${name}:1`, {
      proxy: { origin: `https://127.0.0.1:${silent.port}` },
    });
    const failing = upstreamErrorOf(way.send(openRequest()));
    await until(() => silent.accepted === 1);
    await way.clock.advance(900);
    expect(await failing).toMatchObject({ code: "UNREACHABLE", sent: false });
    await until(() => silent.closed === 1);
  });

  test("a handshake that hangs in the tunnel is given up after the connect time-out", async () => {
    await using silent = await startRawServer(() => undefined);
    await using proxy = await startTestProxy();
    await using way = throughProxy(proxy, `https://${name}:${silent.port}`);
    const failing = upstreamErrorOf(way.send(openRequest()));
    await until(() => silent.accepted === 1);
    await way.clock.advance(900);
    expect(await failing).toMatchObject({ code: "UNREACHABLE", sent: false });
    await until(() => proxy.open === 0 && silent.closed === 1);
  });
});

test("a proxy that is killed during a request breaks the connection, and the request was sent", async () => {
  await using service = await startRawServer(() => undefined);
  await using proxy = await startTestProxy();
  await using way = throughProxy(proxy, `http://${name}:${service.port}`);
  const failing = upstreamErrorOf(
    way.send(openRequest({ method: "POST", body: Buffer.from("{}") })),
  );
  await until(() => service.requests.length === 1);
  proxy.cut();
  expect(await failing).toMatchObject({ code: "RESET", sent: true });
});

describe("TLS", () => {
  const here = { ipAddresses: ["127.0.0.1"], dnsNames: ["localhost"] };

  test.each(["http", "https"])(
    "a server with TLS is reached through an %s proxy, and its certificate is checked",
    async (scheme) => {
      await using service = await startHttps();
      await using proxy = await startTestProxy(
        scheme === "https" ? { tls: stranger.issue(here) } : {},
      );
      const origin = `${scheme}://localhost:${proxy.port}`;
      const trust = { ca: authority.cert, proxy: { origin, ca: stranger.cert } };
      {
        await using way = wayTo(service.url, trust);
        expect((await way.send(openRequest())).body.toString()).toBe("secured");
        expect((await way.send(openRequest())).body.toString()).toBe("secured");
        expect(proxy.connects).toHaveLength(1);
      }
      await using way = wayTo(service.url, { ...trust, ca: stranger.cert });
      const error = await upstreamErrorOf(way.send(openRequest()));
      expect(error).toMatchObject({ code: "TLS", sent: false });
      await until(() => proxy.open === 0);
    },
  );

  test("a certificate of the server for another name is not accepted in the tunnel", async () => {
    await using service = await startHttps(["other.test"]);
    await using proxy = await startTestProxy();
    await using way = throughProxy(proxy, service.url, { ca: authority.cert });
    const error = await upstreamErrorOf(way.send(openRequest()));
    expect(error).toMatchObject({ code: "TLS", sent: false });
    expect(proxy.connects).toHaveLength(1);
  });

  test.each([
    ["of an unknown authority", stranger.issue(here), authority.cert],
    ["for another name", authority.issue({ dnsNames: ["other.test"] }), authority.cert],
  ])("a certificate of the proxy %s is TLS, without a request", async (_, tls, ca) => {
    await using proxy = await startTestProxy({ tls });
    for (const url of [`http://${name}:1`, `https://${name}:1`]) {
      await using way = wayTo(url, {
        proxy: { origin: `https://127.0.0.1:${proxy.port}`, ca },
      });
      const error = await upstreamErrorOf(way.send(openRequest()));
      expect(error).toMatchObject({ code: "TLS", sent: false });
      expect(error.message).toBe(
        `the certificate of the proxy 127.0.0.1:${proxy.port} is not accepted`,
      );
    }
    expect(proxy.connects).toEqual([]);
  });

  test("a proxy that is killed during a request over TLS breaks the connection", async () => {
    await using service = await startHttps();
    service.server.removeAllListeners("request").on("request", () => undefined);
    await using proxy = await startTestProxy({ tls: authority.issue(here) });
    const trust = { ca: authority.cert };
    const origin = `https://127.0.0.1:${proxy.port}`;
    await using way = wayTo(service.url, { ...trust, proxy: { origin, ...trust } });
    const asked = once(service.server, "request");
    const failing = upstreamErrorOf(way.send(openRequest()));
    await asked;
    proxy.cut();
    expect(await failing).toMatchObject({ code: "RESET", sent: true });
  });
});
