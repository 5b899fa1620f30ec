/** The examples of docs/api.md, run by a shell with the real grpcurl, curl and jq. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLocalGateway, type LocalGateway } from "../../examples/local-gateway.ts";
import { apiPageFile, exampleLabel } from "../../scripts/docs/api-page.ts";
import { rpcTable } from "../../src/rpc-table.ts";
import { fencesOf, readText } from "../docs/documents.ts";
import { sharedTransportKeys } from "../support/start-emulator.ts";
import { buildGrpcurl, grpcurlToolchain } from "./grpcurl.ts";
import { isInstalled } from "./toolchains.ts";

const script = fencesOf(readText(apiPageFile))
  .filter(({ label }) => label === exampleLabel)
  .map(({ body }) => body)
  .join("");

const toolchains = [grpcurlToolchain].filter(isInstalled);

describe.each(toolchains)("$tests", () => {
  let folder = "";
  let local: LocalGateway;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyprotect-grpcurl-"));
    await buildGrpcurl(folder);
    local = await startLocalGateway({
      listen: "127.0.0.1:0",
      logLevel: "silent",
      transportKeys: sharedTransportKeys,
    });
  }, 600_000);
  afterAll(async () => {
    await local[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** Runs a script in a shell that ends at the first failure. Resolves to its output. */
  async function run(text: string): Promise<string> {
    const { stdout } = await promisify(execFile)("bash", ["-eu", "-o", "pipefail", "-c", text], {
      env: {
        ...process.env,
        PATH: `${folder}:${process.env["PATH"] ?? ""}`,
        GATEWAY: local.address,
        EMULATOR: local.emulator.url,
      },
    });
    return stdout;
  }

  test("the page's commands work one after the other, and call every RPC", async () => {
    await run(script);
    const called = new Set(
      [...script.matchAll(/"\$GATEWAY" (\S+)/g)].map(([, rpc]) => `/${rpc ?? ""}`),
    );
    expect(rpcTable.filter(({ path }) => !called.has(path))).toEqual([]);
  }, 120_000);

  test("a command of the page that fails ends the script with a failure", async () => {
    const wrong = script.replace('"page_size": 10', '"page_size": -10');
    expect(wrong).not.toBe(script);
    await expect(run(wrong)).rejects.toThrow("REQUEST_INVALID");
  }, 120_000);
});
