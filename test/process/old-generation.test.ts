/** The memory of ended calls: minor garbage collections must free it. */
import { expect, test } from "vitest";
import { nodeFlags } from "../../bench/node-flags.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { compileGateway } from "./built-gateway.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway, type ServingGateway } from "./serving.ts";

/** V8 compiles the code of a call in these. */
const warmUpCalls = 4_000;
const calls = 8_000;
const inFlight = 64;

/** A line of `--trace-gc`: the kind, and the heap before and after in MiB. */
const collection = /: (Scavenge|Mark-Compact)[^\d\n]*([\d.]+) \([\d.]+\) -> ([\d.]+) \(/g;

/**
 * Bytes by which the heap grew from one minor collection to the next. A major collection between
 * two of them frees what they left, so that these two do not count.
 */
function growthOf(trace: string): number {
  let grown = 0;
  let before: number | undefined;
  for (const [, kind, , after] of trace.matchAll(collection)) {
    const mebibytes = kind === "Scavenge" ? Number(after) : undefined;
    if (before !== undefined && mebibytes !== undefined) grown += mebibytes - before;
    before = mebibytes;
  }
  return grown * 1_024 * 1_024;
}

async function wrapMany(gateway: ServingGateway, keyId: string, count: number): Promise<void> {
  const request = { keyId, plaintext: Buffer.alloc(32), additionalAuthenticatedData: [] };
  let left = count;
  const keepWrapping = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { code } = await gateway.call(gateway.actions, "wrapKey", request);
      expect(code).toBe("OK");
    }
  };
  await Promise.all(Array.from({ length: inFlight }, keepWrapping));
}

test("a call that has ended leaves less than 3.5 KB in the old generation", async () => {
  await using emulator = await startEmulator();
  await using built = await compileGateway();
  const settings = await gatewayEnv(emulator, { GATEWAY_RATE_CEILING: "100000" });
  // Small young generations are collected often, so that fewer calls are needed.
  const flags = [...nodeFlags(), "--max-semi-space-size=4", "--trace-gc"];
  await using gateway = await serveGateway(built.main, settings, flags);
  const { response } = await gateway.call(gateway.keys, "createKey", newKey);
  const keyId = response?.key?.id ?? "";
  await wrapMany(gateway, keyId, warmUpCalls);
  const start = gateway.stdout().length;
  await wrapMany(gateway, keyId, calls);
  const trace = gateway.stdout().slice(start);
  expect(trace.match(/: Scavenge/g)?.length).toBeGreaterThan(20);
  expect(growthOf(trace) / calls).toBeLessThan(3_500);
}, 180_000);
