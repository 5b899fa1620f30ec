/** The console of a built gateway: in the image's bundle, and in the compiled files. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, compileGateway, type BuiltGateway } from "./built-gateway.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { serveGateway } from "./serving.ts";

describe.each([
  ["bundle", buildGateway],
  ["compiled gateway", compileGateway],
] as const)("the console of the %s", (_, build) => {
  let built: BuiltGateway;
  beforeAll(async () => {
    built = await build();
  }, 120_000);
  afterAll(() => built[Symbol.asyncDispose]());

  test("the page and all files that it loads are served", { timeout: 60_000 }, async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator);
    await using gateway = await serveGateway(built.main, settings);
    expect(gateway.stderr()).toBe("");
    const textOf = async (path: string): Promise<string> => {
      const headers = { accept: "text/html", connection: "close" };
      const answer = await fetch(`${settings.adminUrl}${path}`, { headers });
      expect(answer.status, path).toBe(200);
      return answer.text();
    };

    const seen = new Set(["/console"]);
    for (const path of seen) {
      const text = await textOf(path);
      const links = [
        ...text.matchAll(/(?:src|href)="(\/console\/[^"]+)"/g),
        ...text.matchAll(/from "\.\/([^"]+)"/g),
      ];
      for (const [, link = ""] of links) {
        seen.add(link.startsWith("/") ? link : `/console/${link}`);
      }
    }

    expect([...seen].toSorted()).toEqual(
      [
        "/console",
        "/console/charts.js",
        "/console/circuits.js",
        "/console/console.css",
        "/console/format.js",
        "/console/heat-map.js",
        "/console/main.js",
        "/console/queue-chart.js",
        "/console/quota-chart.js",
        "/console/tables.js",
        "/console/uplot.css",
        "/console/uplot.js",
      ].toSorted(),
    );
    expect(await textOf("/console/uplot.js")).toContain("uPlot");
  });

  test("a gateway whose console is off loads no file of it", { timeout: 60_000 }, async () => {
    const folder = join(built.main, "..");
    const ofConsole = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
      (path) => /(?:^|\/)console(?:-[\w]+)?(?:\.js)?$/.test(path) && !path.includes("node_modules"),
    );
    expect(ofConsole.length).toBeGreaterThan(0);
    for (const path of ofConsole) rmSync(join(folder, path), { recursive: true, force: true });
    expect(ofConsole.filter((path) => existsSync(join(folder, path)))).toEqual([]);
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator, { GATEWAY_CONSOLE: "off" });

    await using gateway = await serveGateway(built.main, settings);
    expect(gateway.stderr()).toBe("");

    const answer = await fetch(`${settings.adminUrl}/console`, {
      headers: { connection: "close" },
    });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain("GATEWAY_CONSOLE=on");
  });
});
