/** The wire client must not count failures as answers, which would favour fast failures. */
import { once } from "node:events";
import { createServer } from "node:net";
import { Server, ServerCredentials, status, type handleUnaryCall } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { wrapRequest, wrapResponse } from "../../bench/canned.ts";
import { closedLoop } from "../../bench/closed-loop.ts";
import { connectWire, type WireClient } from "../../bench/wire-client.ts";
import {
  KeyActionsServiceService,
  WrapKeyRequest,
  WrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { portOf } from "../support/free-port.ts";

type Handle = handleUnaryCall<WrapKeyRequest, WrapKeyResponse>;

const { wrapKey } = KeyActionsServiceService;

const connect = (port: number): Promise<WireClient> =>
  connectWire({
    port,
    path: wrapKey.path,
    request: WrapKeyRequest.encode(wrapRequest).finish(),
    response: WrapKeyResponse.encode(wrapResponse).finish(),
  });

async function serve(handle: Handle): Promise<AsyncDisposable & { readonly port: number }> {
  const server = new Server();
  server.addService({ wrapKey }, { wrapKey: handle });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

test("the wire client sends a correct request and counts the right answer", async () => {
  const requests: WrapKeyRequest[] = [];
  await using server = await serve((call, callback) => {
    requests.push(call.request);
    expect(call.metadata.get("user-agent")[0]).toMatch(/^grpc-node-js/);
    callback(null, wrapResponse);
  });
  const client = await connect(server.port);
  // The headers of later calls are places in a table that the first one filled.
  expect([await client.call(), await client.call(), await client.call()]).toEqual([
    true,
    true,
    true,
  ]);
  expect(requests).toEqual([wrapRequest, wrapRequest, wrapRequest]);
  client.close();
});

test("more concurrent calls than the first flow-control window allows all get their answers", async () => {
  await using server = await serve((_, callback) => setImmediate(callback, null, wrapResponse));
  const client = await connect(server.port);
  const answers = await Promise.all(Array.from({ length: 3_000 }, () => client.call()));
  expect(answers.every((isRight) => isRight)).toBe(true);
  client.close();
}, 60_000);

test("a wrong answer and an error count as failures", async () => {
  const answers: Parameters<Parameters<Handle>[1]>[] = [
    [null, { ...wrapResponse, keyVersionId: "other" }],
    [{ code: status.UNAVAILABLE, details: "no" }],
    [null, wrapResponse],
  ];
  await using server = await serve((_, callback) => callback(...(answers.shift() ?? [null])));
  const client = await connect(server.port);
  expect([await client.call(), await client.call(), await client.call()]).toEqual([
    false,
    false,
    true,
  ]);
  client.close();
});

test("calls in flight and new calls on a closed connection fail", async () => {
  const server = createServer((socket) => socket.once("data", () => socket.destroy()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = await connect(portOf(server));
  expect(await client.call()).toBe(false);
  expect(await client.call()).toBe(false);
  server.close();
});

test("a closed loop keeps the given number of calls in flight and counts failures separately", async () => {
  let underWay = 0;
  let most = 0;
  let made = 0;
  const result = await closedLoop(
    async () => {
      made += 1;
      const isRight = made % 3 !== 0;
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return isRight;
    },
    { inFlight: 7, durationMs: 50 },
  );
  expect(most).toBe(7);
  expect(result.failures).toBe(Math.floor(made / 3));
  expect(result.calls + result.failures).toBe(made);
  expect(result.elapsedMs).toBeGreaterThanOrEqual(50);
});
