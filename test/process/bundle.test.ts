/** The bundle that the image runs, and what a start of the gateway loads. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { bundle, type Bundle } from "../../scripts/bundle/bundle.ts";
import { noText } from "../../scripts/bundle/licences.ts";
import { loadedModules } from "../../scripts/loaded-modules.ts";
import { repositoryRoot } from "../../scripts/run.ts";
import { createSourceFrames } from "../../src/observability/logging/source-frames.ts";
import { createSecretLedger } from "../support/secret-ledger.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, compileGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode } from "./child-process.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway } from "./serving.ts";

const locked = z.object({
  packages: z.record(z.string(), z.looseObject({ dev: z.boolean().optional() })),
});

let built: BuiltGateway;
let compiled: BuiltGateway;
let contents: Bundle;
let folder: string;
beforeAll(async () => {
  built = await buildGateway();
  folder = join(built.folder, "bundle");
  contents = await bundle(folder);
  compiled = await compileGateway();
}, 120_000);
afterAll(async () => {
  await built[Symbol.asyncDispose]();
  await compiled[Symbol.asyncDispose]();
});

const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const programs = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".js"));

const mapShape = z.looseObject({ sources: z.array(z.string()) });
const sourcesOf = (name: string): string[] => mapShape.parse(JSON.parse(read(name))).sources;

/** Where a text stands in a file: line and column as in a stack. */
function positionOf(name: string, text: string): string {
  const before = read(name).split(text)[0] ?? "";
  const lines = before.split("\n");
  return `${pathToFileURL(join(folder, name)).href}:${lines.length}:${(lines.at(-1) ?? "").length + 1}`;
}

describe("the bundle", () => {
  test("every package in the bundle is one of production, so it is in the bill of materials", () => {
    const text = readFileSync(join(repositoryRoot, "package-lock.json"), "utf8");
    const { packages } = locked.parse(JSON.parse(text));
    const folders = contents.packages.map((each) => each.folder);
    expect(folders).toContain("node_modules/@grpc/grpc-js");
    expect(folders.filter((each) => packages[each]?.dev)).toEqual([]);
    expect(folders.filter((each) => !(each in packages))).toEqual([]);
  });

  test("the licence of every package in the bundle is beside it, with its text", () => {
    const parts = read("LICENSES.txt").split(`\n\n${"-".repeat(80)}\n\n`);
    const expected = contents.packages.map(
      ({ name, version, licence }) => `${name} ${version} (${licence})`,
    );
    expect(parts.map((part) => part.split("\n")[0])).toEqual(expected);
    const without = parts.filter((part) => !/copyright/i.test(part));
    expect(without).toEqual([
      `@bufbuild/protobuf 2.17.0 ((Apache-2.0 AND BSD-3-Clause))\n\n${noText}`,
    ]);
  });

  test("the bundle holds neither the emulator nor a path of the machine that built it", () => {
    expect(contents.inputs).toContain("src/main.ts");
    expect(contents.inputs.filter((path) => path.startsWith("src/emulator/"))).toEqual([]);
    const files = readdirSync(folder).filter((name) => /\.(?:js|map)$/.test(name));
    expect(files.filter((name) => read(name).includes(repositoryRoot))).toEqual([]);
    expect(files.filter((name) => read(name).includes(built.folder))).toEqual([]);
    const maps = files.filter((name) => name.endsWith(".map"));
    const outside = maps.flatMap(sourcesOf).filter((source) => source.startsWith(".."));
    expect(outside).toEqual([]);
  });

  test("every program of the bundle has a source map, and none has a line that fills a screen", () => {
    expect(programs().filter((name) => !existsSync(join(folder, `${name}.map`)))).toEqual([]);
    const own = read("main.js").split("\n");
    expect(own.filter((line) => line.length > 10_000)).toEqual([]);
  });

  test("a frame of the bundle names the line of its source", () => {
    const position = positionOf("main.js", `"the gateway cannot serve"`);
    const source = readFileSync(join(repositoryRoot, "src", "main.ts"), "utf8");
    const line = source
      .split("\n")
      .findIndex((each) => each.includes(`, "the gateway cannot serve"`));
    const logged = createSourceFrames()({ name: "Error", frames: [`at serve (${position})`] });
    expect(logged).toEqual({
      name: "Error",
      frames: [expect.stringMatching(`^at serve \\(src/main\\.ts:${line + 1}:\\d+\\)$`)],
    });
  });
});

describe("the process of the bundle", () => {
  const reflectionRequest = Buffer.from([0x3a, 1, 0x2a]);

  test("a gateway of the bundle describes its services, with the files of the library", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator);
    await using gateway = await serveGateway(built.main, settings);
    const answer = await new Promise<Buffer>((resolve, reject) => {
      const stream = gateway.keys.makeBidiStreamRequest(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        (request: Buffer) => request,
        (response) => response,
        new Metadata(),
      );
      stream.on("error", reject);
      stream.on("data", (response: Buffer) => {
        resolve(response);
        stream.end();
      });
      stream.write(reflectionRequest);
    });
    expect(answer.toString("latin1")).toContain("keyprotect.v1.KeyActionsService");
  }, 60_000);

  test("a gateway of the bundle lets the client of Redis write nothing to standard error", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator, {
      GATEWAY_REDIS_URL: "redis://127.0.0.1:9",
      GATEWAY_REDIS_PASSWORD: "a-password-nobody-may-see",
      GATEWAY_REQUEST_ID_STORE: "redis",
      DEBUG: "*",
    });
    await using gateway = await serveGateway(built.main, settings);
    await gateway.until(() => gateway.log().find(({ msg }) => String(msg).includes("Redis")));
    expect(gateway.stderr()).not.toContain("ioredis:");
    expect(gateway.stderr() + gateway.stdout()).not.toContain("a-password-nobody-may-see");
  }, 60_000);

  test("a gateway of the bundle reads the YAML that --check-config wrote", async () => {
    await using emulator = await startEmulator();
    const { env } = await gatewayEnv(emulator);
    await using first = startNode([built.main, "--check-config"], env);
    expect(await first.exit).toEqual({ code: 0, signal: null });
    const file = join(built.folder, "gateway.yaml");
    // A file may not hold the key itself.
    writeFileSync(file, first.stdout().replace(/^ *apiKey:.*\n/m, ""));
    await using second = startNode([built.main, "--check-config"], {
      GATEWAY_CONFIG: file,
      IBMCLOUD_API_KEY: emulator.apiKey,
    });
    expect(await second.exit).toEqual({ code: 0, signal: null });
    expect(parse(second.stdout())).toEqual(parse(first.stdout()));
  }, 60_000);

  test("no secret of a call or a failure leaves a gateway of the bundle", async () => {
    await using emulator = await startEmulator();
    const settings = await gatewayEnv(emulator);
    await using gateway = await serveGateway(built.main, settings);
    const ledger = createSecretLedger();
    ledger.markText(emulator.apiKey);
    const plaintext = ledger.mark(randomBytes(32));
    const aad = ledger.markText("an-additional-datum-nobody-may-see");
    const { response } = await gateway.call(gateway.keys, "createKey", newKey);
    const keyId = response?.key?.id ?? "";
    const request = { keyId, plaintext, additionalAuthenticatedData: [aad] };
    const wrapped = await gateway.call(gateway.actions, "wrapKey", request);
    const ciphertext = ledger.mark(wrapped.response?.ciphertext ?? Buffer.alloc(0));
    const others = [
      await gateway.call(gateway.actions, "unwrapKey", {
        keyId,
        ciphertext,
        additionalAuthenticatedData: [],
      }),
      await gateway.call(gateway.actions, "wrapKey", { ...request, keyId: "no key" }),
    ];
    expect([wrapped, ...others].map(({ code }) => code)).toEqual([
      "OK",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
    ]);
    const pages = ["metrics", "state"].map((page) => fetch(`${settings.adminUrl}/${page}`));
    const texts = await Promise.all(pages.map(async (page) => (await page).text()));
    gateway.send("SIGTERM");
    await gateway.exit;
    expect(gateway.log().filter(({ msg }) => msg === "call")).toHaveLength(4);
    const shown = [gateway.stdout(), gateway.stderr(), ...texts].join("\n");
    expect(ledger.tracesIn(shown)).toEqual([]);
  }, 60_000);
});

describe("what a start loads", () => {
  /** Names in package.json of packages that only some gateways need. */
  const optional =
    /^(?:ioredis|yaml|uplot|@grpc\/(?:reflection|proto-loader)|protobufjs)$|^@opentelemetry\/(?!api$)/;

  test("a gateway loads no package that only other gateways need", async () => {
    await using emulator = await startEmulator();
    const { env } = await gatewayEnv(emulator, { GATEWAY_REFLECTION: "off" });
    const { packages, own } = await loadedModules(compiled.main, env);
    expect(packages).toContain("@grpc/grpc-js");
    expect(packages).toContain("bottleneck");
    expect(packages.filter((name) => optional.test(name))).toEqual([]);
    expect(own).toContain("grpc/server/health.js");
    expect(own).not.toContain("gen/descriptor-set.js");
  }, 60_000);

  test("a gateway that needs Redis, YAML and reflection loads them", async () => {
    await using emulator = await startEmulator();
    const file = join(compiled.folder, "gateway.yaml");
    writeFileSync(file, "redis:\n  url: redis://127.0.0.1:9\n");
    const { env } = await gatewayEnv(emulator, {
      GATEWAY_CONFIG: file,
      GATEWAY_REQUEST_ID_STORE: "redis",
    });
    const { packages } = await loadedModules(compiled.main, env);
    expect(packages).toEqual(expect.arrayContaining(["@grpc/reflection", "ioredis", "yaml"]));
  }, 60_000);
});
