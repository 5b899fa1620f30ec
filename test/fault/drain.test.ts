/** The gateway is stopped while calls wait for quota. Numbers are rows of the fault matrix. */
import { join } from "node:path";
import { credentials, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { unaryCall } from "../../examples/unary-call.ts";
import { startNode } from "../process/child-process.ts";
import { gatewayEnv } from "../process/gateway-env.ts";
import { eventually } from "../support/eventually.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { statusDetails } from "../support/status-details.ts";
import { countsOf } from "./warm-gateway.ts";

const main = join(import.meta.dirname, "..", "..", "src", "main.ts");

/** Stops the process while a hundred calls wait at 50 per second, and returns how they ended. */
async function stopWithQueue(graceMs: number) {
  await using emulator = await startEmulator();
  const { env, address } = await gatewayEnv(emulator, {
    GATEWAY_RATE_CEILING: "50",
    GATEWAY_COALESCE_READS: "false",
    GATEWAY_QUEUE_MAX_CALLER_PERCENT: "100",
    GATEWAY_QUEUE_MAX_WORK_MS: "10000",
    GATEWAY_DRAIN_GRACE_MS: String(graceMs),
  });
  await using gateway = startNode(["--import", "tsx", main], env);
  await gateway.until(() => gateway.log().find(({ msg }) => msg === "serving gRPC"));
  const keys = new KeysServiceClient(address, credentials.createInsecure());
  const deadline = Date.now() + 40_000;
  const calls = Array.from({ length: 100 }, () =>
    unaryCall(keys, "countKeys", {}, undefined, { deadline }),
  );
  await eventually(() => emulator.requests.count({ service: "keyprotect" }) >= 5);
  gateway.send("SIGTERM");
  await gateway.until(() => gateway.log().find(({ msg }) => msg === "draining"));
  const outcomes = await Promise.all(calls);
  const exit = await gateway.exit;
  keys.close();
  return {
    exit,
    asked: emulator.requests.count({ service: "keyprotect" }),
    counts: countsOf(
      outcomes.map(({ error }) =>
        error === null
          ? "OK"
          : `${status[error.code]} ${statusDetails(error).errorInfo?.reason ?? ""}`,
      ),
    ),
  };
}

test("61: SIGTERM lets a hundred queued calls finish within the grace period, and the process exits with 0", async () => {
  const { exit, asked, counts } = await stopWithQueue(30_000);
  expect(counts).toEqual({ OK: 100 });
  expect(asked).toBe(100);
  expect(exit).toEqual({ code: 0, signal: null });
}, 90_000);

test("61: calls that still wait at the end of the grace period are rejected and never sent", async () => {
  const { exit, asked, counts } = await stopWithQueue(600);
  expect(Object.keys(counts).toSorted()).toEqual(["OK", "UNAVAILABLE SHUTTING_DOWN"]);
  expect(counts["UNAVAILABLE SHUTTING_DOWN"]).toBeGreaterThan(20);
  expect(asked).toBeLessThanOrEqual((counts["OK"] ?? 0) + 3);
  expect(exit).toEqual({ code: 0, signal: null });
}, 90_000);
