/** Fails if a release of grpc-js changes what `grpc-js.ts` relies on. */
import * as grpc from "@grpc/grpc-js";
import http2 from "node:http2";
import { describe, expect, test } from "vitest";
import {
  assertGrpcVersion,
  cappedTimeout,
  capTimeouts,
  divertDeadline,
  installedGrpcVersion,
  sendOriginal,
  sessionOf,
  type StatusToSend,
} from "../../../../src/grpc/server/grpc-js.ts";
import { eventually } from "../../../support/eventually.ts";
import { callRpc, keys, startUnaryServer } from "../../../support/unary-server.ts";

describe("assertGrpcVersion", () => {
  test("the installed version of grpc-js is accepted", () => {
    expect(() => assertGrpcVersion(installedGrpcVersion())).not.toThrow();
  });

  test.each(["1.14.4", "1.14.7", "1.15.0", "2.0.0", "1.14.10-pre1"])(
    "version %s of grpc-js is accepted",
    (version) => {
      expect(() => assertGrpcVersion(version)).not.toThrow();
    },
  );

  test.each(["1.14.3", "1.13.4", "1.9.99", "0.99.0", "", "latest"])(
    "version %j of grpc-js is rejected",
    (version) => {
      expect(() => assertGrpcVersion(version)).toThrow("at least 1.14.4 is needed");
    },
  );
});

test.each([
  ["2147483S", "2147483S"],
  ["2147484S", "2147483S"],
  ["35791M", "35791M"],
  ["35792M", "2147483S"],
  ["596H", "596H"],
  ["597 H", "2147483S"],
  ["99999999m", "99999999m"],
  ["99999999n", "99999999n"],
  ["99999999S, 1S", "2147483S"],
  ["soon", "soon"],
])("cappedTimeout turns %j into %j", (header, capped) => {
  expect(cappedTimeout(header)).toBe(capped);
});

test("capTimeouts throws if a release of grpc-js has no handler of streams to wrap", () => {
  const server = new grpc.Server();
  Reflect.set(server, "_streamHandler", undefined);
  expect(() => capTimeouts(server)).toThrow("no _streamHandler");
});

test("sessionOf finds the HTTP/2 session of a real call, the same for all calls of a connection", async () => {
  const sessions: (object | undefined)[] = [];
  await using server = await startUnaryServer(
    { countKeys: () => Promise.resolve({ totalSize: 1 }) },
    {
      peerOf: (call) => {
        sessions.push(sessionOf(call));
        return { peer: call.getPeer(), certificateUri: undefined, certificateProblem: undefined };
      },
    },
  );
  const other = server.newClient();
  for (const client of [server.client, server.client, other]) {
    await callRpc(client, keys.countKeys, {});
  }
  const [first, second, third] = sessions;
  expect(first).toHaveProperty("remoteSettings");
  expect(second).toBe(first);
  expect(third).toHaveProperty("remoteSettings");
  expect(third).not.toBe(first);
});

test("the deadline timer of grpc-js sends its status through the diverted sendStatus, and without metadata", async () => {
  const outcomes: StatusToSend[] = [];
  const divert: grpc.ServerInterceptor = (_method, call) => {
    divertDeadline(call, {
      deadlinePassed(outcome) {
        outcomes.push(outcome);
        sendOriginal(call, { ...outcome, details: "diverted" });
      },
    });
    return new grpc.ServerInterceptingCall(call);
  };
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
