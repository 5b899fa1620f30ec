/** The console of a real gateway: what it shows, to whom, and what it never shows. */
import { once } from "node:events";
import { get, request, type IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { startLocalGateway } from "../../examples/local-gateway.ts";
import { createKeyId, wrapKeyRequest } from "../support/requests.ts";
import { sharedTransportKeys } from "../support/start-emulator.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const busy = { timeout: 60_000 };
const missingKey = "00000000-0000-4000-8000-000000000000";

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Asks the admin listener. `fetch` would not let a test choose the Host header. */
async function ask(
  { gateway }: TestGateway,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<Answer> {
  const { port } = gateway.admin;
  const sent = request({ host: "127.0.0.1", port, path, method, headers, agent: false }).end();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this event has one argument
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  // The events of a console never end; their first part is enough.
  if (headers["accept"] === "text/event-stream") {
    response.destroy();
    return { status: response.statusCode, headers: response.headers, body: "" };
  }
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, headers: response.headers, body };
}

/** Reads events until one fulfils the condition. */
async function eventsUntil(
  { gateway }: Pick<TestGateway, "gateway">,
  isEnough: (text: string) => boolean,
): Promise<string> {
  const { port } = gateway.admin;
  const sent = get({ host: "127.0.0.1", port, path: "/console/events", agent: false });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this event has one argument
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) {
    text += String(chunk);
    if (isEnough(text)) break;
  }
  return text;
}

const samplesIn = (text: string): readonly Readonly<Record<string, unknown>>[] =>
  [...text.matchAll(/^event: sample\ndata: (.*)$/gm)].map(
    ([, data = "{}"]): Record<string, unknown> => JSON.parse(data),
  );

const html = { accept: "text/html" };

describe("/console", () => {
  test("the events show the state that /state shows, and failed calls", busy, async () => {
    await using gateway = await startTestGateway({ env: { GATEWAY_RATE_CEILING: "50" } });
    const keyId = await createKeyId(gateway);
    await gateway.call(
      gateway.clients.actions,
      "wrapKey",
      wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
    );
    const failure = await gateway.failure(gateway.clients.keys, "getKey", { keyId: missingKey });

    const text = await eventsUntil(gateway, (seen) => samplesIn(seen).length >= 2);
    const state: unknown = JSON.parse((await ask(gateway, "/state")).body);

    expect(samplesIn(text).at(-1)?.["state"]).toEqual({
      ...Object(state),
      uptimeSeconds: expect.any(Number),
      instances: {
        default: {
          ...Object(state).instances.default,
          permitsReady: expect.any(Number),
          token: {
            ...Object(state).instances.default.token,
            ageSeconds: expect.any(Number),
          },
        },
      },
    });
    expect(samplesIn(text).at(-1)).toMatchObject({
      failureCount: 1,
      callers: [{ name: "caller 1", calls: 3, failed: 1, refused: 0 }],
      summaries: { default: { word: "serving" } },
    });
    expect(text).toContain(`"correlationId":"${failure.correlationId}"`);
    expect(text).toContain('"method":"GetKey","code":"NOT_FOUND","reason":"KEY_NOT_FOUND"');
    expect(text).not.toContain("anonymous");
  });

  test(
    "neither page nor events contain a secret, and callers are named only if that is switched on",
    busy,
    async () => {
      await using gateway = await startTestGateway({ env: { GATEWAY_CONSOLE_CALLERS: "true" } });
      const keyId = await createKeyId(gateway);
      const { clients, secrets } = gateway;
      const plaintext = secrets.bytes(32);
      const { ciphertext } = await gateway.call(
        clients.actions,
        "wrapKey",
        wrapKeyRequest(keyId, plaintext),
      );
      await gateway.failure(clients.actions, "unwrapKey", {
        keyId,
        ciphertext,
        additionalAuthenticatedData: [secrets.bytes(16).toString("hex")],
      });
      await gateway.failure(clients.actions, "wrapKey", wrapKeyRequest(missingKey, plaintext), {
        metadata: { "x-correlation-id": "<script>alert(1)</script>" },
      });
      await gateway.failure(
        clients.keys,
        "getKey",
        { keyId: "<script>alert(2)</script>" },
        { metadata: { "x-kp-instance": "<script>alert(3)</script>" } },
      );

      const page = await ask(gateway, "/console", html);
      const text = await ask(gateway, "/console");
      const events = await eventsUntil(gateway, (seen) => samplesIn(seen).length >= 2);

      const all = page.body + text.body + events;
      expect(secrets.tracesIn(all)).toEqual([]);
      expect(all).not.toContain("<script>alert");
      expect(page.body).toContain('<td data-title="Caller">anonymous</td>');
      expect(samplesIn(events).at(-1)).toMatchObject({ callers: [{ name: "anonymous" }] });
      expect(text.body).toMatch(/^\d\d:\d\d:\d\d\.\d{3} +WrapKey +NOT_FOUND +KEY_NOT_FOUND/m);
    },
  );

  test("the page and its files have a strict policy and their media types", busy, async () => {
    await using gateway = await startTestGateway();

    const page = await ask(gateway, "/console?instance=default", html);
    const files = [...page.body.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g)].map(
      ([, path = ""]) => path,
    );
    expect(files).toHaveLength(4);

    for (const path of ["/console", ...files, "/console/charts.js"]) {
      const { status, headers } = await ask(gateway, path, html);
      expect(status, path).toBe(200);
      expect(headers["content-security-policy"]).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["referrer-policy"]).toBe("no-referrer");
      expect(headers["cache-control"]).toBe("no-store");
      const type = path.endsWith(".js") ? "javascript" : path.endsWith(".css") ? "css" : "html";
      expect(headers["content-type"]).toBe(`text/${type}; charset=utf-8`);
    }
    const other = await ask(gateway, "/console/../package.json", html);
    expect(other.status).toBe(404);
    expect((await ask(gateway, "/console/tsconfig.json", html)).status).toBe(404);
    expect((await ask(gateway, "/console/constructor", html)).status).toBe(404);
  });

  test(
    "a foreign host name gets nothing of the console, and no method but GET does",
    busy,
    async () => {
      await using gateway = await startTestGateway({
        env: { GATEWAY_CONSOLE_HOSTS: "Console.example" },
      });
      const { port } = gateway.gateway.admin;

      for (const path of ["/console", "/console/", "/console/events", "/console/main.js"]) {
        const foreign = await ask(gateway, path, { host: `evil.example:${port}` });
        expect(foreign.status).toBe(421);
        expect(foreign.body).not.toContain("default");
        for (const host of ["127.0.0.1", "[::1]:80", `localhost:${port}`, "console.example"]) {
          expect((await ask(gateway, path, { host }, "HEAD")).status, host).toBe(200);
        }
        for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
          const { status, headers } = await ask(gateway, path, {}, method);
          expect(status).toBe(405);
          expect(headers.allow).toBe("GET, HEAD");
        }
      }
      expect((await ask(gateway, "/state", { host: "evil.example" })).status).toBe(200);
    },
  );

  test.each([
    ["on loopback", {}, 200],
    ["on loopback, switched off", { GATEWAY_CONSOLE: "off" }, 404],
    ["beyond loopback", { GATEWAY_ADMIN_LISTEN: "0.0.0.0:0" }, 404],
    [
      "beyond loopback, switched on",
      { GATEWAY_ADMIN_LISTEN: "0.0.0.0:0", GATEWAY_CONSOLE: "on" },
      200,
    ],
  ])("with the admin listener %s the console answers %j: %i", busy, async (_, env, expected) => {
    await using gateway = await startTestGateway({ env });

    const { status, body } = await ask(gateway, "/console");
    expect(status).toBe(expected);
    if (status === 404) expect(body).toContain("GATEWAY_CONSOLE=on");
    const events = await ask(gateway, "/console/events", { accept: "text/event-stream" });
    expect(events.status).toBe(expected);
  });

  test("the end of the gateway ends the events, and does not wait for a page", busy, async () => {
    const gateway = await startLocalGateway({
      listen: "127.0.0.1:0",
      logLevel: "silent",
      transportKeys: sharedTransportKeys,
    });
    let text = "";
    const reading = eventsUntil(gateway, (seen) => {
      text = seen;
      return false;
    });
    await expect.poll(() => text, { timeout: 10_000 }).toContain("event: sample");
    const startedAt = performance.now();

    await gateway[Symbol.asyncDispose]();

    await reading;
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});
