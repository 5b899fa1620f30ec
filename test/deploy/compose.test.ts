/** The services of docker-compose.yaml fit together. No container runs here. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { loadConfig } from "../../src/config/load-config.ts";
import { defaultApiKey, defaultInstanceId } from "../../src/emulator/options.ts";
import { readText, root } from "../docs/documents.ts";
import { hasPromtool } from "../support/deployment-tools.ts";

const folder = "deploy/compose";
const service = z.object({
  image: z.string().optional(),
  build: z.object({ context: z.literal("../.."), target: z.string().optional() }).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()),
  volumes: z.array(z.string()).default([]),
});
const { services } = z
  .object({ services: z.record(z.string(), service) })
  .parse(parse(readText(`${folder}/docker-compose.yaml`)));

describe("the compose file", () => {
  test("its gateway accepts its configuration and calls the emulator beside it", () => {
    const { instances, listen, adminListen } = loadConfig({
      env: services["gateway"]?.environment ?? {},
      readFile: (path) => {
        throw new Error(`no file ${path}`);
      },
    });
    expect(instances).toMatchObject([
      { serviceUrl: "http://emulator:8080", instanceId: defaultInstanceId },
    ]);
    expect(services["gateway"]?.environment["IBMCLOUD_API_KEY"]).toBe(defaultApiKey);
    expect([...listen, adminListen]).toMatchObject([{ port: 50051 }, { port: 9464 }]);
  });

  test("every port is published on loopback only", () => {
    const ports = Object.values(services).flatMap((each) => each.ports);
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
    expect(ports.length).toBeGreaterThanOrEqual(4);
  });

  test("every file that it mounts exists", () => {
    const files = Object.values(services).flatMap(({ volumes }) =>
      volumes.map((volume) => volume.split(":")[0] ?? ""),
    );
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(join(root, folder, file)))).toEqual([]);
  });

  test("every target that it builds is a stage of the Dockerfile, whose last stage is the gateway", () => {
    const stages = [...readText("Dockerfile").matchAll(/^FROM \S+(?: AS (\S+))?$/gm)].map(
      ([, name]) => name,
    );
    expect(stages.at(-1)).toBeUndefined();
    for (const { build } of Object.values(services)) {
      if (build?.target !== undefined) expect(stages).toContain(build.target);
    }
    expect(services["gateway"]?.build).toEqual({ context: "../.." });
  });

  if (hasPromtool()) {
    test("Prometheus accepts its configuration", () => {
      const { status, stdout, stderr } = spawnSync(
        "promtool",
        ["check", "config", "--syntax-only", join(folder, "prometheus.yaml")],
        { cwd: root, encoding: "utf8" },
      );
      expect(`${stdout}${stderr}`).toContain("is valid");
      expect(status).toBe(0);
    });
  }
});
