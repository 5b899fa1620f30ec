import { connect } from "node:net";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { startAdmin } from "../../../src/observability/admin-server.ts";
import type { AdminOptions } from "../../../src/observability/admin-server.ts";
import { upstreamState } from "./metrics/upstream-state.ts";

const loopback = { host: "127.0.0.1", port: 0 } as const;
const metrics = { text: () => Promise.resolve("m 1\n"), contentType: "text/plain; version=0.0.4" };

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
  test("serves the metrics in their content type", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/metrics?x=1");

    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(metrics.contentType);
    expect(await response.text()).toBe("m 1\n");
  });

  test("is live while it answers, unless told otherwise", async () => {
    let isLive = true;
    await using server = await admin({ isLive: () => isLive });
    expect((await ask(server.port, "/livez")).status).toBe(200);

    isLive = false;

    expect((await ask(server.port, "/livez")).status).toBe(503);
  });

  test("is live although it is not ready", async () => {
    await using server = await admin({ readiness: () => ({ isReady: false, reasons: ["x"] }) });

    expect((await ask(server.port, "/livez")).status).toBe(200);
  });

  test("tells why it is not ready", async () => {
    await using server = await admin({
      readiness: () => ({ isReady: false, reasons: ["draining"] }),
    });

    const response = await ask(server.port, "/readyz");

    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: "not ready", reasons: ["draining"] });
  });

  test("is ready when nothing speaks against it", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/readyz");

    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ready", reasons: [] });
  });

  test("serves the state, for nobody to keep", async () => {
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

  test("answers HEAD like GET, without the body", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/metrics", { method: "HEAD" });

    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe("4");
    expect(await response.text()).toBe("");
  });

  test.each(["/", "/metrics/", "/METRICS", "//metrics", "/livez/../metrics2", "/debug"])(
    "knows nothing of %s",
    async (path) => {
      await using server = await admin();

      expect((await ask(server.port, path)).status).toBe(404);
    },
  );

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("refuses %s", async (method) => {
    await using server = await admin();

    for (const path of ["/metrics", "/state"]) {
      const response = await ask(server.port, path, { method });

      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("GET, HEAD");
    }
  });

  test("shows nothing of an error", async () => {
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

  test("refuses a head that is too large", async () => {
    await using server = await admin();

    const response = await ask(server.port, "/livez", { headers: { x: "y".repeat(10_000) } });

    expect(response.status).toBe(431);
  });

  test("rejects when the port is taken", async () => {
    await using first = await admin();

    await expect(admin({ listen: { host: "127.0.0.1", port: first.port } })).rejects.toMatchObject({
      name: "ListenError",
      address: `127.0.0.1:${first.port}`,
      cause: { code: "EADDRINUSE" },
    });
  });

  test("closes at once although a connection is idle, and only once", async () => {
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
