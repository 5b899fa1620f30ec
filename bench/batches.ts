/**
 * `npm run bench:batches`: the processor time of the gateway for 100 wraps in one batch and in 100
 * calls. Both are measured in each round, one after the other.
 */
import { credentials } from "@grpc/grpc-js";
import { KeyActionsServiceClient } from "../src/gen/keyprotect/v1/key_actions_service.ts";
import { unaryCall } from "../examples/unary-call.ts";
import { startArrangement, type Measured } from "./arrangements.ts";
import { wrapRequest } from "./canned.ts";
import { startProgram, type Child } from "./child.ts";
import { compile } from "./compiled.ts";
import { describeMachine } from "./machine.ts";
import { nodeBinary } from "./node-binaries.ts";

const itemsPerBatch = 100;
const rounds = 10;
/** Batches, or hundreds of calls, per measurement. */
const hundreds = 20;
const warmUpHundreds = 100;
/** Single calls at a time: as many as the gateway has of a batch. */
const atOnce = 32;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function wrapOneByOne(client: KeyActionsServiceClient): Promise<void> {
  let left = itemsPerBatch;
  const wrapInTurn = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { error } = await unaryCall(client, "wrapKey", wrapRequest);
      if (error !== null) throw error;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, wrapInTurn));
}

async function wrapInBatch(client: KeyActionsServiceClient): Promise<void> {
  const items = Array.from({ length: itemsPerBatch }, () => wrapRequest);
  const { error, response } = await unaryCall(client, "batchWrapKey", { items });
  if (error !== null) throw error;
  const failed = response?.results.filter(({ outcome }) => outcome?.$case !== "response") ?? [];
  if (failed.length > 0) throw new Error(`${failed.length} items failed`);
}

/** Processor time of the gateway per hundred wraps, in ms. */
async function measure(gateway: Measured, wrapHundred: () => Promise<void>): Promise<number> {
  const before = await gateway.cpuMicros();
  for (let at = 0; at < hundreds; at++) await wrapHundred();
  return ((await gateway.cpuMicros()) - before) / 1_000 / hundreds;
}

await using compiled = await compile();
const start = (name: string): Child => startProgram(compiled, name);
await using upstream = start("upstream");
const upstreamUrl = `http://127.0.0.1:${await upstream.port}`;
const node = nodeBinary(process.execPath);
const given = { compiled, node, upstreamUrl, load: upstream };
const { measured, port } = await startArrangement("gateway", {
  ...given,
  // This bench records no traces.
  collectorUrl: upstreamUrl,
  profileFolder: undefined,
});
await using gateway = measured;
const client = new KeyActionsServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
const single = (): Promise<void> => wrapOneByOne(client);
const batch = (): Promise<void> => wrapInBatch(client);
for (let at = 0; at < warmUpHundreds; at++) for (const wrap of [single, batch]) await wrap();
const found: { readonly singleMs: number; readonly batchMs: number }[] = [];
for (let round = 0; round < rounds; round++) {
  found.push({
    singleMs: await measure(gateway, single),
    batchMs: await measure(gateway, batch),
  });
}
client.close();
const ratio = median(found.map(({ singleMs, batchMs }) => batchMs / singleMs));
console.log(`${describeMachine()}; ${rounds} rounds of ${hundreds} times ${itemsPerBatch} wraps`);
console.log(`100 calls: ${median(found.map(({ singleMs }) => singleMs)).toFixed(2)} ms of CPU`);
console.log(`1 batch:   ${median(found.map(({ batchMs }) => batchMs)).toFixed(2)} ms of CPU`);
console.log(`ratio: ${ratio.toFixed(3)} (goal: at most 0.6)`);
process.exitCode = ratio <= 0.6 ? 0 : 1;
