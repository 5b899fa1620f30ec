/** The compiled process, with a standard output that takes no lines. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unaryCall } from "../../examples/unary-call.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { firstAnswer } from "../support/first-answer.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { startNode, type ChildProcess } from "./child-process.ts";
import { gatewayEnv } from "./gateway-env.ts";

let built: BuiltGateway;
let folder: string;
beforeAll(async () => {
  built = await buildGateway();
  folder = await mkdtemp(join(tmpdir(), "keyprotect-log-"));
}, 120_000);
afterAll(async () => {
  await built[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const fetchText = async (url: string): Promise<string | undefined> => {
  try {
    const answer = await fetch(url, { headers: { connection: "close" } });
    return answer.ok ? await answer.text() : undefined;
  } catch {
    return undefined;
  }
};

interface QuietGateway extends AsyncDisposable {
  readonly process: ChildProcess;
  /** Makes calls and returns the names of their statuses, without repetition. */
  countKeys(times: number): Promise<string[]>;
  dropped(): Promise<number>;
  isAlive(): Promise<boolean>;
}

async function startQuiet(
  stdout: number,
  changes: Record<string, string> = {},
  nodeOptions: readonly string[] = [],
) {
  const emulator = await startEmulator();
  const { env, address, adminUrl } = await gatewayEnv(emulator, changes);
  const process = startNode([...nodeOptions, built.main], env, undefined, stdout);
  const keys = new KeysServiceClient(address, credentials.createInsecure());
  await firstAnswer(() => fetchText(`${adminUrl}/readyz`));
  const gateway: QuietGateway = {
    process,
    async countKeys(times) {
      const codes = new Set<string>();
      for (let done = 0; done < times; done += 50) {
        const calls = Array.from({ length: Math.min(50, times - done) }, () =>
          unaryCall(keys, "countKeys", {}),
        );
        for (const { error } of await Promise.all(calls)) {
          codes.add(status[error?.code ?? status.OK] ?? "");
        }
      }
      return [...codes];
    },
    async dropped() {
      const text = await fetchText(`${adminUrl}/metrics`);
      return Number(/^keyprotect_gateway_log_lines_dropped_total (\d+)$/m.exec(text ?? "")?.[1]);
    },
    isAlive: async () => (await fetchText(`${adminUrl}/livez`)) !== undefined,
    async [Symbol.asyncDispose]() {
      keys.close();
      await process[Symbol.asyncDispose]();
      await emulator[Symbol.asyncDispose]();
    },
  };
  return gateway;
}

/** A pipe with a name, held open by this process, so that nothing but `read` reads it. */
function openFifo(name: string) {
  const path = join(folder, name);
  execFileSync("mkfifo", [path]);
  const open = (): number => openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  return { path, open };
}

describe.runIf(process.platform === "linux")("standard output takes no lines", () => {
  test("a full disk under the log loses lines, not calls", async () => {
    const full = openSync("/dev/full", "w");
    await using gateway = await startQuiet(full);
    closeSync(full);
    expect(await gateway.countKeys(100)).toEqual(["OK"]);
    await firstAnswer(async () => ((await gateway.dropped()) >= 100 ? true : undefined));
    expect(await gateway.isAlive()).toBe(true);
    expect(gateway.process.stderr()).toBe(
      "log lines are dropped: standard output takes none (ENOSPC)\n",
    );
    gateway.process.send("SIGTERM");
    expect(await gateway.process.exit).toEqual({ code: 0, signal: null });
  }, 60_000);

  test("a pipe that is not read holds up neither calls nor the end of the process", async () => {
    const fifo = openFifo("unread");
    const held = fifo.open();
    await using gateway = await startQuiet(held);
    expect(await gateway.countKeys(1_500)).toEqual(["OK"]);
    const before = Date.now();
    gateway.process.send("SIGTERM");
    expect(await gateway.process.exit).toEqual({ code: 0, signal: null });
    expect(Date.now() - before).toBeLessThan(10_000);
    closeSync(held);
  }, 60_000);

  test("a second signal ends a process whose log is not read", async () => {
    const fifo = openFifo("second");
    const held = fifo.open();
    await using gateway = await startQuiet(held, { GATEWAY_DRAIN_DELAY_MS: "60000" });
    expect(await gateway.countKeys(1_500)).toEqual(["OK"]);
    const before = Date.now();
    gateway.process.send("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 500));
    gateway.process.send("SIGTERM");
    expect(await gateway.process.exit).toEqual({ code: 1, signal: null });
    expect(Date.now() - before).toBeLessThan(10_000);
    closeSync(held);
  }, 60_000);

  test("a second signal ends a process although one of its threads hangs", async () => {
    const fifo = openFifo("hanging");
    const preload = join(folder, "hang.mjs");
    // Opening a pipe that nothing writes blocks a thread.
    const hang = `import { open } from "node:fs"; open(${JSON.stringify(fifo.path)}, "r", () => {});`;
    await writeFile(preload, hang);
    const nowhere = openSync("/dev/null", "w");
    const drainsLong = { GATEWAY_DRAIN_DELAY_MS: "60000" };
    await using gateway = await startQuiet(nowhere, drainsLong, ["--import", preload]);
    closeSync(nowhere);
    gateway.process.send("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 500));
    gateway.process.send("SIGTERM");
    expect(await gateway.process.exit).toEqual({ code: null, signal: "SIGKILL" });
  }, 60_000);

  test("lines are logged again when the log has a reader again", async () => {
    const fifo = openFifo("again");
    const first = openSync(fifo.path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo.path, "w");
    await using gateway = await startQuiet(writer);
    closeSync(writer);
    closeSync(first);
    expect(await gateway.countKeys(10)).toEqual(["OK"]);
    await firstAnswer(async () => ((await gateway.dropped()) >= 10 ? true : undefined));
    expect(gateway.process.stderr()).toContain("(EPIPE)");
    const again = openSync(fifo.path, constants.O_RDONLY | constants.O_NONBLOCK);
    expect(await gateway.countKeys(1)).toEqual(["OK"]);
    const bytes = Buffer.alloc(65_536);
    // The pipe still holds lines of the start.
    let text = "";
    const line = await firstAnswer(async () => {
      try {
        text += bytes.toString("utf8", 0, readSync(again, bytes));
      } catch {
        return undefined;
      }
      return text.split("\n").find((each) => each.includes('"msg":"call"'));
    });
    expect(JSON.parse(line)).toMatchObject({ msg: "call", code: "OK" });
    closeSync(again);
  }, 60_000);
});
