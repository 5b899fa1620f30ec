import { connect } from "node:net";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { startAdmin } from "../../../src/observability/admin-server.ts";
import type { AdminOptions } from "../../../src/observability/admin-server.ts";
import { upstreamState } from "./metrics/upstream-state.ts";

const loopback = { host: "127.0.0.1", port: 0 } as const;
const metrics = {
  text: () => Promise.resolve("m 1\n"),
  contentType: "text/plain; version=0.0.4",
  openMetrics: () => Promise.resolve("m 1\n# EOF\n"),
};

const state = { version: "1.2.3", uptimeSeconds: 4, isDraining: false, instances: {} } as const;

const admin = (options: Partial<AdminOptions> = {}) =>
  startAdmin({
    listen: loopback,
    metrics,
    readiness: () => ({ isReady: true, reasons: [] }),
    state: () => state,
    ...options,
  });

const ask = (
  port: number,
  path: string,
  init: { method?: string; headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, {
    ...init,
    headers: { connection: "close", ...init.headers },
  });

describe("the admin server", () => {
  test("the admin server serves the metrics in their content type", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/metrics?x=1");

    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(metrics.contentType);
    expect(await response.text()).toBe("m 1\n");
  });

  test("the admin server serves OpenMetrics to those who ask for it", async () => {
    await using server = await admin();
    const accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

    const response = await ask(server.port, "/metrics", { headers: { accept } });

    expect(response.headers.get("content-type")).toBe(
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    expect(await response.text()).toBe("m 1\n# EOF\n");
  });

  test("the process is live while the admin server answers, unless `isLive` says otherwise", async () => {
    let isLive = true;
    await using server = await admin({ isLive: () => isLive });
    expect((await ask(server.port, "/livez")).status).toBe(200);

    isLive = false;

    expect((await ask(server.port, "/livez")).status).toBe(503);
  });

  test("the process is live although it is not ready", async () => {
    await using server = await admin({ readiness: () => ({ isReady: false, reasons: ["x"] }) });

    expect((await ask(server.port, "/livez")).status).toBe(200);
  });

  test("/readyz names the reasons why the gateway is not ready", async () => {
    await using server = await admin({
      readiness: () => ({ isReady: false, reasons: ["draining"] }),
    });

    const response = await ask(server.port, "/readyz");

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: "not ready", reasons: ["draining"] });
  });

  test("the gateway is ready if there is no reason against it", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/readyz");

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ready", reasons: [] });
  });

  test("/state serves the state and forbids caching", async () => {
    const instances = { main: upstreamState() };
    await using server = await admin({ state: () => ({ ...state, instances }) });

    const response = await ask(server.port, "/state");

    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toMatchObject({
      version: "1.2.3",
      isDraining: false,
      instances: { main: { rate: { phase: "unpaced" }, queue: { interactive: 0, callers: 0 } } },
    });
  });

  test("HEAD is answered like GET, without the body", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/metrics", { method: "HEAD" });

    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("4");
    expect(await response.text()).toBe("");
  });

  test.each(["/", "/metrics/", "/METRICS", "//metrics", "/livez/../metrics2", "/debug"])(
    "the path %s is answered with 404",
    async (path) => {
      await using server = await admin();

      expect((await ask(server.port, path)).status).toBe(404);
    },
  );

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])(
    "the method %s is rejected with 405",
    async (method) => {
      await using server = await admin();

      for (const path of ["/metrics", "/state"]) {
        const response = await ask(server.port, path, { method });

        expect(response.status).toBe(405);
        expect(response.headers.get("allow")).toBe("GET, HEAD");
      }
    },
  );

  test("an error inside the admin server is answered with 500 and none of its text", async () => {
    await using server = await admin({
      metrics: { ...metrics, text: () => Promise.reject(new Error("SECRET")) },
      readiness: () => {
        throw new Error("SECRET");
      },
      state: () => {
        throw new Error("SECRET");
      },
    });

    for (const path of ["/metrics", "/readyz", "/state"]) {
      const response = await ask(server.port, path);
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain("SECRET");
    }
  });

  test("a request with too large a head is rejected", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/livez", { headers: { x: "y".repeat(10_000) } });

    expect(response.status).toBe(431);
  });

  test("probes are answered while one peer keeps more connections than the listener allows", async () => {
    await using server = await admin();
    const kept = Array.from({ length: 80 }, () => connect(server.port, "127.0.0.1"));
    for (const socket of kept) socket.on("error", () => {});
    await Promise.all(kept.map((socket) => once(socket, "connect")));

    expect((await ask(server.port, "/livez")).status).toBe(200);
    expect((await ask(server.port, "/readyz")).status).toBe(200);

    for (const socket of kept) socket.destroy();
  });

  test("the peer with the most connections loses its oldest one to a further connection", async () => {
    await using server = await admin();
    const greedy = Array.from({ length: 63 }, () => connect(server.port, "127.0.0.1"));
    for (const socket of greedy) socket.on("error", () => {});
    await Promise.all(greedy.map((socket) => once(socket, "connect")));
    const modest = connect({ port: server.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
    await once(modest, "connect");
    const lost = once(greedy[0] ?? modest, "close");

    const response = await ask(server.port, "/livez");

    expect(response.status).toBe(200);
    await lost;
    expect(modest.closed).toBe(false);
    expect(greedy.at(-1)?.closed).toBe(false);
    for (const socket of [...greedy, modest]) socket.destroy();
  });

  test("starting the admin server rejects if the port is taken", async () => {
    await using first = await admin();

    await expect(admin({ listen: { host: "127.0.0.1", port: first.port } })).rejects.toMatchObject({
      name: "ListenError",
      address: `127.0.0.1:${first.port}`,
      cause: { code: "EADDRINUSE" },
    });
  });

  test("closing the admin server ends idle connections at once and may be repeated", async () => {
    const server = await admin();
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => undefined);
    const closed = once(socket, "close");

    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();

    await closed;
    await expect(ask(server.port, "/livez")).rejects.toThrow("fetch failed");
  });
});
