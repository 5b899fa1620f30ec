import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { createCallMetricsObserver } from "../../../../src/grpc/observers/call-metrics.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { eventually } from "../../../support/eventually.ts";
import {
  callRpc,
  createKeyRequest,
  keys,
  startUnaryServer,
} from "../../../support/unary-server.ts";

test("a call is counted once at its start and once at its end, with its final status", async () => {
  const counted: unknown[] = [];
  const clock = createDrivenClock(Date.now());
  const meter = {
    callStarted: ({ method }: { method: string }) => void counted.push(["started", method]),
    callHandled: (rpc: { method: string }, ...rest: unknown[]) =>
      void counted.push(["handled", rpc.method, ...rest]),
    callAmbiguous: ({ method }: { method: string }) => void counted.push(["ambiguous", method]),
  };
  let isRunning = false;
  await using server = await startUnaryServer(
    {
      countKeys: () => Promise.resolve({ totalSize: 1 }),
      createKey: () =>
        Promise.reject(
          new StatusError(status.UNKNOWN, "OUTCOME_UNKNOWN", "lost", { mayHaveExecuted: true }),
        ),
      getKey: () => Promise.reject(new StatusError(status.NOT_FOUND, "KEY_NOT_FOUND", "none")),
      getKeyMaterial: () => {
        isRunning = true;
        return new Promise<never>(() => {});
      },
    },
    { clock, observers: [createCallMetricsObserver(meter)] },
  );
  const { client } = server;
  await callRpc(client, keys.countKeys, {});
  await callRpc(client, keys.getKey, { keyId: "id" });
  await callRpc(client, keys.createKey, createKeyRequest());
  const expiring = callRpc(client, keys.getKeyMaterial, { keyId: "id" }, { timeoutMs: Infinity });
  await eventually(() => isRunning);
  await clock.advance(10_000);
  await expiring;
  expect(counted).toEqual([
    ["started", "CountKeys"],
    ["handled", "CountKeys", status.OK, 0, undefined],
    ["started", "GetKey"],
    ["handled", "GetKey", status.NOT_FOUND, 0, "KEY_NOT_FOUND"],
    ["started", "CreateKey"],
    ["handled", "CreateKey", status.UNKNOWN, 0, "OUTCOME_UNKNOWN"],
    ["ambiguous", "CreateKey"],
    ["started", "GetKeyMaterial"],
    ["handled", "GetKeyMaterial", status.DEADLINE_EXCEEDED, 10, "DEADLINE_IN_QUEUE"],
  ]);
});
