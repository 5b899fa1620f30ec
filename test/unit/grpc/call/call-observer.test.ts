import { allKeys } from "../../../support/requests.ts";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { CallObserver } from "../../../../src/grpc/call/call-observer.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { eventually } from "../../../support/eventually.ts";
import {
  callRpc,
  createKeyRequest,
  keys,
  startUnaryServer,
} from "../../../support/unary-server.ts";

test("an observer hears of a call once at its start and once at its end, with its final status", async () => {
  const heard: unknown[] = [];
  const clock = createDrivenClock(Date.now());
  const observer: CallObserver = {
    callStarted: ({ method }) => void heard.push(["started", method]),
    callEnded: ({ context, code, durationMs, reason, mayHaveExecuted }) =>
      void heard.push(["ended", context.rpc.method, code, durationMs, reason, mayHaveExecuted]),
    callFailed: ({ context }) => void heard.push(["failed", context.rpc.method]),
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
    { clock, observers: [observer] },
  );
  const { client } = server;
  await callRpc(client, keys.countKeys, allKeys);
  await callRpc(client, keys.getKey, { keyId: "id" });
  await callRpc(client, keys.createKey, createKeyRequest());
  const expiring = callRpc(client, keys.getKeyMaterial, { keyId: "id" }, { timeoutMs: Infinity });
  await eventually(() => isRunning);
  await clock.advance(10_000);
  await expiring;
  expect(heard).toEqual([
    ["started", "CountKeys"],
    ["ended", "CountKeys", status.OK, 0, undefined, false],
    ["started", "GetKey"],
    ["ended", "GetKey", status.NOT_FOUND, 0, "KEY_NOT_FOUND", false],
    ["failed", "GetKey"],
    ["started", "CreateKey"],
    ["ended", "CreateKey", status.UNKNOWN, 0, "OUTCOME_UNKNOWN", true],
    ["failed", "CreateKey"],
    ["started", "GetKeyMaterial"],
    ["ended", "GetKeyMaterial", status.DEADLINE_EXCEEDED, 10_000, "DEADLINE_IN_QUEUE", false],
    ["failed", "GetKeyMaterial"],
  ]);
});
