/** The compiled process loads OpenTelemetry's SDK only if traces are on. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allKeys } from "../support/requests.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { startOtlpSink } from "../support/otlp-sink.ts";
import { buildGateway, type BuiltGateway, compileGateway } from "./built-gateway.ts";
import { startNode } from "./child-process.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { serveGateway } from "./serving.ts";

/** Prints the loaded modules of OpenTelemetry when the process ends. */
const spy = `
  import { createRequire } from "node:module";
  const { cache } = createRequire(import.meta.url);
  process.on("exit", () => {
    const names = Object.keys(cache).flatMap((path) => /@opentelemetry\\/([\\w-]+)/.exec(path)?.[1] ?? []);
    process.stderr.write("loaded: " + [...new Set(names)].toSorted().join(" ") + "\\n");
  });
`;

let built: BuiltGateway;
let spyFile = "";
beforeAll(async () => {
  built = await compileGateway();
  spyFile = join(built.folder, "spy.mjs");
  await writeFile(spyFile, spy);
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

/** Makes a call, ends the process and returns the packages of OpenTelemetry that were loaded. */
async function loadedWith(changes: Readonly<Record<string, string>>): Promise<string[]> {
  await using emulator = await startEmulator();
  const settings = await gatewayEnv(emulator, changes);
  const env = { ...settings.env, NODE_OPTIONS: `--import=${spyFile}` };
  await using gateway = await serveGateway(built.main, { ...settings, env });
  expect((await gateway.call(gateway.keys, "countKeys", allKeys)).code).toBe("OK");
  gateway.send("SIGTERM");
  expect((await gateway.exit).code).toBe(0);
  const [, names = ""] = /^loaded: (.*)$/m.exec(gateway.stderr()) ?? [];
  return names.split(" ");
}

test("a process without traces has loaded nothing of OpenTelemetry's SDK", async () => {
  const loaded = await loadedWith({ OTEL_SERVICE_NAME: "orders-keys" });
  // prom-client loads the small package `api`.
  expect(loaded.filter((name) => name !== "api" && name !== "")).toEqual([]);
});

test("a process with traces has loaded the SDK, and its last spans arrive before it ends", async () => {
  await using sink = await startOtlpSink();
  const loaded = await loadedWith({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_BSP_SCHEDULE_DELAY: "600000",
  });
  expect(loaded).toContain("sdk-trace-base");
  expect(sink.spans().map(({ name }) => name)).toContain("keyprotect.v1.KeysService/CountKeys");
});

test("the bundle of the image, which has no packages beside it, sends spans too", async () => {
  await using bundled = await buildGateway();
  await using emulator = await startEmulator();
  await using sink = await startOtlpSink();
  const settings = await gatewayEnv(emulator, {
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_BSP_SCHEDULE_DELAY: "600000",
  });
  await using gateway = await serveGateway(bundled.main, settings);
  expect((await gateway.call(gateway.keys, "countKeys", allKeys)).code).toBe("OK");
  gateway.send("SIGTERM");
  expect((await gateway.exit).code).toBe(0);
  expect(sink.spans().map(({ name }) => name)).toContain("keyprotect.v1.KeysService/CountKeys");
}, 120_000);

test("an unusable protocol ends the process with 78, and --check-config hides the headers", async () => {
  const upstream = {
    url: "http://127.0.0.1:9",
    instanceId: "e0a1b2c3-0000-4000-8000-000000000001",
    apiKey: "k",
  };
  const { env } = await gatewayEnv(upstream, {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "api-key=not-to-be-seen",
  });
  await using wrong = startNode([built.main], { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" });
  expect((await wrong.exit).code).toBe(78);
  expect(wrong.stderr()).toContain("OTEL_EXPORTER_OTLP_PROTOCOL: has to be `http/protobuf`");

  await using check = startNode([built.main, "--check-config"], env);
  expect((await check.exit).code).toBe(0);
  expect(check.stdout()).toContain("endpoint: http://127.0.0.1:4318/");
  expect(check.stdout() + check.stderr() + wrong.stderr()).not.toContain("not-to-be-seen");
});
