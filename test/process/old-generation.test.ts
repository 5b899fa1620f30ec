/** The memory of ended calls: it must be free before a major garbage collection. */
import { expect, test } from "vitest";
import { keyPageAnswer } from "../../bench/lean/key-page.ts";
import { nodeFlags } from "../../bench/node-flags.ts";
import { ListKeysRequest } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { startAnswering } from "../support/error-table-servers.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { compileGateway } from "./built-gateway.ts";
import { gatewayEnv } from "./gateway-env.ts";
import { newKey, serveGateway } from "./serving.ts";

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

/** Makes `count` calls, of which `width` are in flight. Each has to be OK. */
async function callMany(
  count: number,
  width: number,
  call: () => Promise<{ readonly code: string }>,
): Promise<void> {
  let left = count;
  const keepCalling = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      expect((await call()).code).toBe("OK");
    }
  };
  await Promise.all(Array.from({ length: width }, keepCalling));
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
  const request = { keyId, plaintext: Buffer.alloc(32), additionalAuthenticatedData: [] };
  const wrap = () => gateway.call(gateway.actions, "wrapKey", request);
  await callMany(warmUpCalls, inFlight, wrap);
  const start = gateway.stdout().length;
  await callMany(calls, inFlight, wrap);
  const trace = gateway.stdout().slice(start);
  expect(trace.match(/: Scavenge/g)?.length).toBeGreaterThan(20);
  expect(growthOf(trace) / calls).toBeLessThan(3_500);
}, 180_000);

const pages = 300;
const pagesInFlight = 8;
const pageRequest = { ...ListKeysRequest.decode(new Uint8Array()), pageSize: 1_000 };

/** A Key Protect that answers with a page of 1,000 keys, 1 MB, which are all that it has. */
const startPages = () =>
  startAnswering(
    200,
    { "key-total": "1000", "content-length": String(Buffer.byteLength(keyPageAnswer)) },
    keyPageAnswer,
  );

test("300 pages of 1,000 keys bring fewer than six major collections", async () => {
  await using emulator = await startEmulator();
  await using upstream = await startPages();
  await using built = await compileGateway();
  const settings = await gatewayEnv(emulator, {
    KP_SERVICE_URL: upstream.origin,
    GATEWAY_RATE_CEILING: "100000",
    // Identical pages at the same time would share one request.
    GATEWAY_COALESCE_READS: "false",
  });
  const flags = [...nodeFlags(), "--max-semi-space-size=4", "--trace-gc"];
  await using gateway = await serveGateway(built.main, settings, flags);
  const list = () => gateway.call(gateway.keys, "listKeys", pageRequest);
  await callMany(50, pagesInFlight, list);
  const start = gateway.stdout().length;
  await callMany(pages, pagesInFlight, list);
  const trace = gateway.stdout().slice(start);
  expect(trace.match(/: Scavenge/g)?.length).toBeGreaterThan(30);
  expect(trace.match(/: Mark-Compact/g)?.length ?? 0).toBeLessThan(6);
}, 180_000);
