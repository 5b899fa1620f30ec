/**
 * The commands of docs/runbook.md with the real curl and jq. A stand-in for kubectl prints the log
 * of a gateway, as `kubectl logs` does: with the lines of standard error in between.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { fencesOf, readText } from "../../docs/documents.ts";
import { startTestGateway, type TestGateway } from "../../support/start-gateway.ts";
import { grpcurlToolchain } from "../grpcurl.ts";
import { isInstalled } from "../toolchains.ts";

const blocksOf = (label: string): string[] =>
  fencesOf(readText("docs/runbook.md"))
    .filter((fence) => fence.label === label)
    .map(({ body }) => body);

const line = z.looseObject({ msg: z.string() });

describe.each([grpcurlToolchain].filter(isInstalled))("the commands of the runbook", () => {
  let folder = "";
  let gateway: TestGateway;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyprotect-runbook-"));
    gateway = await startTestGateway();
    for (const keyId of ["not-there", "not-there", "also-not-there"]) {
      await gateway.failure(gateway.clients.keys, "getKey", { keyId });
    }
    await gateway.failure(gateway.clients.keys, "getKey", { keyId: "" });
    await gateway.call(gateway.clients.keys, "countKeys", {});
    const log = gateway.log().map((entry) => JSON.stringify(entry));
    await writeFile(join(folder, "log"), ["WARNING: tls: not JSON", ...log, ""].join("\n"));
    const kubectl = `#!/bin/sh\ncase "$*" in *" logs "*) cat "${join(folder, "log")}" ;; esac\n`;
    await writeFile(join(folder, "kubectl"), kubectl, { mode: 0o755 });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function run(text: string): Promise<string> {
    const { stdout } = await promisify(execFile)("bash", ["-eu", "-o", "pipefail", "-c", text], {
      env: { ...process.env, PATH: `${folder}:${process.env["PATH"] ?? ""}` },
    });
    return stdout;
  }

  test("the command for the state shows the instances of a gateway", async () => {
    const { host, port } = gateway.gateway.admin;
    const [command = ""] = blocksOf("sh state");
    expect(command).toContain("127.0.0.1:9464");
    const shown = await run(command.replace("127.0.0.1:9464", `${host}:${port}`));
    expect(z.record(z.string(), z.unknown()).parse(JSON.parse(shown))).toHaveProperty("default");
  });

  test("the command for the log shows every line but those of calls, and skips other text", async () => {
    const [command = ""] = blocksOf("sh log");
    const lines = (await run(command))
      .trim()
      .split("\n")
      .map((text) => line.parse(JSON.parse(text)));
    const expected = gateway.log().filter(({ msg }) => msg !== "call");
    expect(lines.map(({ msg }) => msg)).toEqual(expected.map(({ msg }) => msg));
    expect(lines.length).toBeGreaterThan(1);
  });

  test("the command for failed calls counts them by reason, the most frequent first", async () => {
    const [, command = ""] = blocksOf("sh log");
    const counts = (await run(command)).trim().split(/\s*\n\s*/);
    expect(counts).toEqual(["3 KEY_NOT_FOUND", "1 REQUEST_INVALID"]);
  });
});
