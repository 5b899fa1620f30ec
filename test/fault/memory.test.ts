/** Memory that remains after many calls have ended. Numbers are rows of the fault matrix. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { unaryCall } from "../../examples/unary-call.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { gatewayEnv } from "../process/gateway-env.ts";
import { startEmulator } from "../support/start-emulator.ts";
import type { MemoryReading } from "./memory-run.ts";

/** The next message of the process. */
async function said<T>(child: NodeJS.EventEmitter): Promise<T> {
  const [message]: T[] = await once(child, "message");
  if (message === undefined) throw new Error("it said nothing");
  return message;
}

test("62: the heap after twenty thousand calls, some of them failed, is as large as before", async () => {
  await using emulator = await startEmulator({ requestLogCapacity: 100 });
  const { env } = await gatewayEnv(emulator, { GATEWAY_COALESCE_READS: "false" });
  const child = fork(join(import.meta.dirname, "memory-run.ts"), {
    execArgv: ["--expose-gc", "--import", "tsx"],
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  const exited = once(child, "exit");
  try {
    const { address, admin } = await said<{
      address: string;
      admin: { host: string; port: number };
    }>(child);
    const keys = new KeysServiceClient(address, credentials.createInsecure());
    const measure = async (): Promise<MemoryReading> => {
      child.send("measure");
      return said<MemoryReading>(child);
    };
    /** Some calls succeed, some find no key, and some have too short a deadline. */
    const call = async (index: number): Promise<void> => {
      const withinMs = index % 50 === 0 ? 30 : 30_000;
      const deadline = Date.now() + withinMs;
      if (index % 3 === 0) {
        const request = { keyId: "00000000-0000-4000-8000-000000000000" };
        await unaryCall(keys, "getKey", request, undefined, { deadline });
      } else await unaryCall(keys, "countKeys", {}, undefined, { deadline });
    };
    const callAll = async (count: number): Promise<void> => {
      const indexes = Array.from({ length: count }, (_unused, index) => index).values();
      await Promise.all(
        Array.from({ length: 64 }, async () => {
          for (const index of indexes) await call(index);
        }),
      );
    };
    await callAll(3_000);
    const before = await measure();
    await callAll(20_000);
    const after = await measure();
    const state = await (await fetch(`http://${admin.host}:${admin.port}/state`)).text();
    keys.close();
    child.send("stop");

    expect(after.heapUsed).toBeLessThan(before.heapUsed * 1.05);
    expect(after.resources.filter((kind) => kind === "Timeout")).toEqual(
      before.resources.filter((kind) => kind === "Timeout"),
    );
    expect(JSON.parse(state)).toMatchObject({
      instances: {
        default: {
          connections: { inFlight: 0 },
          queue: { interactive: 0, management: 0, bulk: 0, callers: 0 },
        },
      },
    });
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
}, 400_000);
