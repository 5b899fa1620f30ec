/** Fails if a release of grpc-js changes what `grpc-js.ts` relies on. */
import { allKeys } from "../../../support/requests.ts";
import * as grpc from "@grpc/grpc-js";
import { once } from "node:events";
import http2 from "node:http2";
import { describe, expect, test } from "vitest";
import {
  assertGrpcVersion,
  cappedTimeout,
  correctHeaders,
  installedGrpcVersion,
  separateValues,
  sessionOf,
} from "../../../../src/grpc/server/grpc-js.ts";
import { connectFrames } from "../../../support/http2-frames.ts";
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

test("correctHeaders throws if a release of grpc-js has no handler of streams to wrap", () => {
  const server = new grpc.Server();
  Reflect.set(server, "_streamHandler", undefined);
  expect(() => correctHeaders(server)).toThrow("no _streamHandler");
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
    await callRpc(client, keys.countKeys, allKeys);
  }
  const [first, second, third] = sessions;
  expect(first).toHaveProperty("remoteSettings");
  expect(second).toBe(first);
  expect(third).toHaveProperty("remoteSettings");
  expect(third).not.toBe(first);
});

describe("separateValues", () => {
  test.each<[string, string[], object]>([
    [
      "a header that Node drops",
      ["authorization", "a", "authorization", "b"],
      { authorization: ["a", "b"] },
    ],
    [
      "a header that Node joins",
      ["x-a", "1", "x-b", "3", "x-a", "2"],
      { "x-a": ["1", "2"], "x-b": "3" },
    ],
    ["binary metadata", ["x-bin", "AA==", "x-bin", "BB=="], { "x-bin": "AA==, BB==" }],
    ["a timeout", ["grpc-timeout", "1S", "grpc-timeout", "2S"], { "grpc-timeout": "" }],
    [
      "a header of gRPC",
      ["grpc-encoding", "gzip", "grpc-encoding", "br"],
      { "grpc-encoding": "gzip, br" },
    ],
    ["no repeated header", ["x-a", "1", "x-b", "2"], { "x-a": "1", "x-b": "2" }],
  ])("%s of a real request has the values that were sent", async (_, raw, expected) => {
    const server = http2.createServer();
    const seen = new Promise<http2.IncomingHttpHeaders>((resolve) =>
      server.on(
        "stream",
        (
          stream: http2.ServerHttp2Stream,
          headers: http2.IncomingHttpHeaders,
          _flags: number,
          rawHeaders: string[],
        ) => {
          separateValues(headers, rawHeaders);
          resolve(headers);
          stream.close();
        },
      ),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    using client = await connectFrames(typeof address === "object" ? (address?.port ?? 0) : 0);
    const pairs = Array.from({ length: raw.length / 2 }, (_pair, at): [string, string] => [
      raw[2 * at] ?? "",
      raw[2 * at + 1] ?? "",
    ]);
    client.call(1, "/a", undefined, pairs);
    expect(await seen).toMatchObject(expected);
    server.close();
  });
});
