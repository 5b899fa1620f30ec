/** Fails if a release of grpc-js changes what `http2-servers.ts` relies on. */
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import {
  announceHeaderListSize,
  idleMsOf,
  onHttp2Server,
} from "../../../../../src/grpc/server/connections/http2-servers.ts";

test("onHttp2Server throws if a release of grpc-js creates its servers elsewhere", () => {
  const server = new grpc.Server();
  Reflect.set(server, "createHttp2Server", undefined);
  expect(() => onHttp2Server(server, () => {})).toThrow("no createHttp2Server");
});

test("announceHeaderListSize throws if a release of grpc-js moves the options of its servers", () => {
  const server = new grpc.Server();
  Reflect.set(server, "commonServerOptions", undefined);
  expect(() => announceHeaderListSize(server, 1)).toThrow("no commonServerOptions");
});

test("the idle time of a session that grpc-js does not know is unknown", () => {
  expect(idleMsOf(new grpc.Server(), {})).toBeUndefined();
});
