import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type Server } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import pino from "pino";
import { systemClock } from "../../../src/platform/clock.ts";
import { createApiKeyExchange } from "../../../src/iam/credentials/iam-grants.ts";
import type { TokenExchange } from "../../../src/iam/exchange.ts";
import { TokenExchangeError } from "../../../src/iam/exchange-error.ts";
import { createIamConnection } from "../../../src/iam/token-http.ts";
import { createTokenSource } from "../../../src/iam/token-source.ts";
import { Secret } from "../../../src/platform/secret.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return address.port;
}

interface Asked {
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly form: URLSearchParams;
}

type Answer = (response: ServerResponse) => void;

/** An IAM on a real socket that sends the given response. */
async function startIam(
  answer: Answer,
  path = "",
): Promise<{ exchange: TokenExchange; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      asked.push({ url: request.url, headers: request.headers, form });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUps.push(() => new Promise((resolve) => server.close(resolve)));
  const port = portOf(server);
  return { exchange: exchangeWith(`http://127.0.0.1:${port}${path}`), asked };
}

const apiKey = async (): Promise<Secret> => new Secret("key&with=signs+");

function exchangeWith(iamUrl: string): TokenExchange {
  const connection = createIamConnection({ iamUrl, clock: systemClock });
  cleanUps.push(() => connection[Symbol.asyncDispose]());
  return createApiKeyExchange({ post: connection.post, apiKey, clock: systemClock });
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

const jwt = (claims: object): string =>
  ["{}", JSON.stringify(claims), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");

const signal = (): AbortSignal => new AbortController().signal;

const errorOf = (pending: Promise<unknown>): Promise<TokenExchangeError> =>
  pending.then(
    () => {
      throw new Error("the exchange did not fail");
    },
    (error: unknown) => {
      if (error instanceof TokenExchangeError) return error;
      throw error;
    },
  );

describe("the request", () => {
  test("the request is a form with a Content-Length", async () => {
    const { exchange, asked } = await startIam(json(200, { access_token: "t", expires_in: 60 }));
    await exchange(signal());
    expect(asked[0]?.url).toBe("/identity/token");
    expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({
      grant_type: "urn:ibm:params:oauth:grant-type:apikey",
      apikey: "key&with=signs+",
      response_type: "cloud_iam",
    });
    expect(asked[0]?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(asked[0]?.headers["content-length"]).toMatch(/^\d+$/);
    expect(asked[0]?.headers["transfer-encoding"]).toBeUndefined();
  });

  test("the request goes to the path of the URL if it has one", async () => {
    const iam = await startIam(json(200, { access_token: "t", expires_in: 60 }), "/oidc/token");
    await iam.exchange(signal());
    expect(iam.asked[0]?.url).toBe("/oidc/token");
  });
});

describe("the token's life", () => {
  const hour = { exp: 4_600, iat: 1_000 };

  test.each([
    ["as IAM says", { access_token: "opaque", expires_in: 1_200 }, 1_200_000],
    [
      "as the token says, if that is less",
      { access_token: jwt({ exp: 400, iat: 100 }), expires_in: 3_600 },
      300_000,
    ],
    ["as IAM says, if that is less", { access_token: jwt(hour), expires_in: 900 }, 900_000],
    ["as the token says, if IAM says nothing", { access_token: jwt(hour) }, 3_600_000],
    ["a day at most", { access_token: "opaque", expires_in: 1e9 }, 86_400_000],
  ])("the lifetime of a token is %s", async (_, body, lifetimeMs) => {
    const { exchange } = await startIam(json(200, body));
    await expect(exchange(signal())).resolves.toMatchObject({ lifetimeMs });
  });

  test.each([
    ["0", { access_token: "t", expires_in: 0 }],
    ["negative", { access_token: "t", expires_in: -5 }],
    ["missing", { access_token: "t" }],
    ["no number", { access_token: "t", expires_in: "soon" }],
    ["signed as nothing", { access_token: jwt({ exp: 1, iat: 1 }), expires_in: 3_600 }],
  ])("a token is rejected if its lifetime is %s", async (_, body) => {
    const { exchange } = await startIam(json(200, body));
    expect((await errorOf(exchange(signal()))).code).toBe("BAD_RESPONSE");
  });
});

describe("an answer", () => {
  test.each([
    [200, "{", "BAD_RESPONSE"],
    [200, "<html>", "BAD_RESPONSE"],
    [200, { access_token: "a\r\nx: y", expires_in: 60 }, "BAD_RESPONSE"],
    [200, { access_token: "", expires_in: 60 }, "BAD_RESPONSE"],
    [201, { access_token: "t", expires_in: 60 }, "BAD_RESPONSE"],
    [302, "", "BAD_RESPONSE"],
    [400, { errorCode: "BXNIM0415E" }, "REJECTED"],
    [401, { errorCode: "BXNIM0410E" }, "REJECTED"],
    [403, { errorCode: "BXNIM0513E" }, "REJECTED"],
    [400, {}, "BAD_RESPONSE"],
    [400, { errorCode: "BXNOT0001E" }, "BAD_RESPONSE"],
    [401, {}, "BAD_RESPONSE"],
    [403, "<html>", "BAD_RESPONSE"],
    [403, "<html>BXNIM0415E", "BAD_RESPONSE"],
    [407, "<html>", "BAD_RESPONSE"],
    [302, { errorCode: "BXNIM0415E" }, "BAD_RESPONSE"],
    [404, "", "BAD_RESPONSE"],
    [405, "", "BAD_RESPONSE"],
    [418, "", "BAD_RESPONSE"],
    [451, "<html>", "BAD_RESPONSE"],
    [408, "", "FAILED"],
    [429, "", "THROTTLED"],
    [500, "", "FAILED"],
    [503, "", "FAILED"],
  ] as const)(
    "a response with status %d and body %j is the error %s",
    async (status, body, code) => {
      const { exchange } = await startIam(json(status, body));
      expect((await errorOf(exchange(signal()))).code).toBe(code);
    },
  );

  test("an error keeps IAM's code and no other text from IAM", async () => {
    const body = { errorCode: "BXNIM0415E", errorMessage: "canary", context: { canary: "canary" } };
    const { exchange } = await startIam(json(400, body));
    const error = await errorOf(exchange(signal()));
    expect(error).toMatchObject({ httpStatus: 400, iamCode: "BXNIM0415E" });
    expect(JSON.stringify(error) + error.message).not.toContain("canary");
  });

  test("an error has the wait of Retry-After", async () => {
    const { exchange } = await startIam(json(429, "", { "retry-after": "7" }));
    expect((await errorOf(exchange(signal()))).retryAfterMs).toBe(7_000);
  });

  test.each([
    ["<html>", 10_000],
    [{ errorCode: "BXNIM0100E" }, 60_000],
  ])("a long Retry-After counts for longer only with IAM's own code: %j", async (body, ms) => {
    for (const status of [429, 503]) {
      const { exchange } = await startIam(json(status, body, { "retry-after": "86400" }));
      expect((await errorOf(exchange(signal()))).retryAfterMs).toBe(ms);
    }
  });

  test("a page without IAM's code keeps no Retry-After", async () => {
    const { exchange } = await startIam(json(403, "<html>", { "retry-after": "3600" }));
    const error = await errorOf(exchange(signal()));
    expect(error).toMatchObject({ code: "BAD_RESPONSE", httpStatus: 403, retryAfterMs: undefined });
  });

  test("a grant says how far IAM's clock is ahead", async () => {
    const date = new Date(Date.now() + 600_000).toUTCString();
    const { exchange } = await startIam(json(200, { access_token: "t", expires_in: 60 }, { date }));
    const { clockSkewMs } = await exchange(signal());
    expect(clockSkewMs).toBeGreaterThan(500_000);
    expect(clockSkewMs).toBeLessThan(700_000);
  });

  test.each([
    ["is too large", json(200, "x".repeat(300_000))],
    [
      "breaks off",
      (response) => {
        response.writeHead(200, { "content-length": "100" });
        response.write("{", () => response.destroy());
      },
    ],
    ["is a closed connection", (response) => response.destroy()],
  ] satisfies [string, Answer][])(
    "a response that %s is the error UNREACHABLE",
    async (_, answer) => {
      const { exchange } = await startIam(answer);
      expect((await errorOf(exchange(signal()))).code).toBe("UNREACHABLE");
    },
  );
});

test.each([
  [403, "<html>"],
  [407, "<html>"],
  [401, "{}"],
])(
  "after one page with status %d and body %j IAM is asked again within a second",
  async (status, body) => {
    let isPage = true;
    const { exchange, asked } = await startIam((response) => {
      const answer = isPage ? json(status, body) : json(200, { access_token: "t", expires_in: 60 });
      isPage = false;
      answer(response);
    });
    const clock = createDrivenClock();
    const logger = pino({ enabled: false });
    const source = createTokenSource({
      exchange,
      authType: "iam",
      clock,
      random: () => 0.999,
      logger,
    });
    cleanUps.push(() => source.close());
    const call = { signal: signal() };
    await expect(source.get(call)).rejects.toMatchObject({ code: "IAM_UNAVAILABLE" });
    await clock.advance(1_000);
    await expect(source.get(call)).resolves.toMatchObject({ generation: 1 });
    expect(asked).toHaveLength(2);
  },
);

test("a refused connection is the error UNREACHABLE", async () => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  const error = await errorOf(exchangeWith(`http://127.0.0.1:${port}`)(signal()));
  expect(error.code).toBe("UNREACHABLE");
});

test("an exchange ends when it is aborted", async () => {
  const { exchange } = await startIam((response) => response.flushHeaders());
  const controller = new AbortController();
  const error = errorOf(exchange(controller.signal));
  setImmediate(() => controller.abort());
  expect((await error).code).toBe("UNREACHABLE");
});

test.each(["1", "0"])(
  "no key is sent to an IAM with an untrusted certificate (NODE_TLS_REJECT_UNAUTHORIZED=%s)",
  async (value) => {
    const requests: unknown[] = [];
    const certificate = createCertificateAuthority().issue({ ipAddresses: ["127.0.0.1"] });
    const server = createHttpsServer(certificate, (request, response) => {
      requests.push(request.url);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUps.push(() => new Promise((resolve) => server.close(resolve)));
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", value);
    cleanUps.push(() => vi.unstubAllEnvs());

    const exchange = exchangeWith(`https://127.0.0.1:${portOf(server)}`);

    expect((await errorOf(exchange(new AbortController().signal))).code).toBe("TLS");
    expect(requests).toEqual([]);
  },
);
