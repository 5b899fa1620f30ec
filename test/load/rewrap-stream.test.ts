/** A caller's unwraps while a stream re-encrypts a store at the same quota. */
import { credentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { percentile } from "../../bench/load/figures.ts";
import { unaryCall } from "../../examples/unary-call.ts";
import { KeyActionsServiceClient } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { onBusyMachine } from "../support/on-busy-machine.ts";
import { createKeyRequest, unwrapKeyRequest, wrapKeyRequest } from "../support/requests.ts";
import { openStream, sendMany } from "../support/rewrap-streams.ts";
import { startWorker } from "../../bench/load/worker.ts";
import type { EmulatorQuestions } from "./emulator-worker.ts";
import { startSourceGateway } from "./source-gateway.ts";

const quota = 200;
/** Answers of Key Protect take about this long. */
const serviceMs = 25;
const unwrapsPerSecond = 20;
const measuredMs = 15_000;

const pass = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

test(
  "unwraps wait at most twice as long beside a stream of 100,000 rewraps, and memory stays flat",
  { ...onBusyMachine, timeout: 120_000 },
  async () => {
    await using emulator = startWorker<EmulatorQuestions>(
      new URL("emulator-worker.ts", import.meta.url),
    );
    const { url, instanceId, apiKey } = await emulator.ask("start", quota);
    await using gateway = await startSourceGateway(
      { url, instanceId, apiKey, keyId: "" },
      {
        GATEWAY_RATE_CEILING: String(quota),
      },
    );
    const channel = credentials.createInsecure();
    const keys = new KeysServiceClient(gateway.address, channel);
    const actions = new KeyActionsServiceClient(gateway.address, channel);
    const streams = new KeyActionsServiceClient(gateway.address, channel, {
      "grpc.use_local_subchannel_pool": 1,
    });
    const { response: created } = await unaryCall(keys, "createKey", createKeyRequest());
    const keyId = created?.key?.id ?? "";
    const toWrap = wrapKeyRequest(keyId, Buffer.alloc(32, 1));
    const { response: wrapped } = await unaryCall(actions, "wrapKey", toWrap);
    const ciphertext = wrapped?.ciphertext ?? Buffer.alloc(0);
    await emulator.ask("delay", serviceMs);

    const unwrapAt = async (begun: number, times: number[]): Promise<void> => {
      const { error } = await unaryCall(actions, "unwrapKey", unwrapKeyRequest(keyId, ciphertext));
      expect(error).toBeNull();
      times.push(performance.now() - begun);
    };
    /** Times of unwraps at a steady rate. Every one must succeed. */
    const measure = async (ms: number): Promise<number[]> => {
      const times: number[] = [];
      const calls: Promise<void>[] = [];
      for (const end = Date.now() + ms; Date.now() < end;) {
        const begun = performance.now();
        calls.push(unwrapAt(begun, times));
        await pass(1_000 / unwrapsPerSecond);
      }
      await Promise.all(calls);
      return times.toSorted((a, b) => a - b);
    };

    await measure(3_000);
    const alone = await measure(measuredMs);
    const stream = openStream(streams);
    const sending = sendMany(stream, 100_000, { keyId, ciphertext });
    await measure(3_000);
    const before = await gateway.holdings();
    const answeredBefore = stream.answers.length;
    const together = await measure(measuredMs);
    const perSecond = ((stream.answers.length - answeredBefore) / measuredMs) * 1_000;
    const after = await gateway.holdings();
    stream.cancel();
    await Promise.all([stream.ended, sending]);
    for (const client of [keys, actions, streams]) client.close();

    // The stream uses what the unwraps leave of the quota.
    expect(perSecond).toBeGreaterThan(0.75 * (quota - unwrapsPerSecond));
    expect(stream.answers.every(({ outcome }) => outcome?.$case === "response")).toBe(true);
    expect(await emulator.ask("refused", null)).toBe(0);
    const [p99Alone, p99Together] = [percentile(alone, 0.99), percentile(together, 0.99)];
    expect(p99Together, `${p99Alone} ms alone`).toBeLessThan(2 * p99Alone);
    const grown = (of: "heapBytes" | "mostResidentBytes") => (after[of] - before[of]) / 1_048_576;
    expect(grown("heapBytes")).toBeLessThan(8);
    expect(grown("mostResidentBytes")).toBeLessThan(32);
  },
);
