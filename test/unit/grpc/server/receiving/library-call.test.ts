/** Fails if a release of grpc-js changes what `library-call.ts` relies on. */
import * as grpc from "@grpc/grpc-js";
import http2 from "node:http2";
import { expect, test } from "vitest";
import {
  type CallHooks,
  hookCall,
  sendOriginal,
  type StatusToSend,
} from "../../../../../src/grpc/server/receiving/library-call.ts";
import { eventually } from "../../../../support/eventually.ts";
import { frame } from "../../../../support/raw-grpc.ts";
import { allKeys } from "../../../../support/requests.ts";
import { callRpc, keys, startUnaryServer } from "../../../../support/unary-server.ts";

/** Hooks that pass everything on and record it. */
const recordingHooks = (events: unknown[]): CallHooks => {
  const hooks: CallHooks = {
    listener: undefined,
    dataReceived(data) {
      events.push(data.length);
      return data;
    },
    onReceiveMetadata(metadata) {
      events.push("metadata");
      hooks.listener?.onReceiveMetadata(metadata);
    },
    onReceiveMessage(message) {
      events.push("message");
      hooks.listener?.onReceiveMessage(message);
    },
    onReceiveHalfClose() {
      events.push("half-close");
      hooks.listener?.onReceiveHalfClose();
    },
    onCancel() {
      events.push("cancel");
      hooks.listener?.onCancel();
    },
  };
  return hooks;
};

test("the hooks of a call see its data and its events, in order, before the handler does", async () => {
  const events: unknown[] = [];
  await using server = await startUnaryServer(
    {
      countKeys() {
        events.push("handler");
        return Promise.resolve({ totalSize: 7 });
      },
    },
    {},
    { interceptors: [(_method, call) => hookCall(call, recordingHooks(events))] },
  );
  const { response } = await callRpc(server.client, keys.countKeys, allKeys);
  expect(response).toEqual({ totalSize: 7 });
  await eventually(() => events.includes("cancel"));
  const { length } = frame(Buffer.from(keys.countKeys.requestSerialize(allKeys)));
  expect(events).toEqual(["metadata", length, "message", "half-close", "handler", "cancel"]);
});

test("the deadline timer of grpc-js sends its status through the hooked sendStatus, and without metadata", async () => {
  const outcomes: StatusToSend[] = [];
  const divert: grpc.ServerInterceptor = (_method, call) =>
    hookCall(call, {
      ...recordingHooks([]),
      deadlinePassed(outcome) {
        outcomes.push(outcome);
        sendOriginal(call, { ...outcome, details: "diverted" });
      },
    });
  await using server = await startUnaryServer({}, {}, { interceptors: [divert] });
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": keys.countKeys.path,
    "content-type": "application/grpc",
    te: "trailers",
    "grpc-timeout": "20m",
  });
  let answer: http2.IncomingHttpHeaders | undefined;
  stream.on("response", (headers) => (answer = headers));
  await eventually(() => answer !== undefined);
  expect(outcomes).toMatchObject([{ code: grpc.status.DEADLINE_EXCEEDED, metadata: null }]);
  expect(answer?.["grpc-message"]).toBe("diverted");
  session.destroy();
});

test("hookCall throws if a release of grpc-js has no handler of DATA frames to replace", () => {
  const call: grpc.ServerInterceptingCall = Object({ start() {}, sendStatus() {} });
  expect(() => hookCall(call, recordingHooks([]))).toThrow("no handleDataFrame");
});

test("sendOriginal throws for a call without hooks", () => {
  const call: grpc.ServerInterceptingCall = Object({ sendStatus() {} });
  const outcome = { code: grpc.status.OK, details: "", metadata: null };
  expect(() => sendOriginal(call, outcome)).toThrow("the call has no hooks");
});
