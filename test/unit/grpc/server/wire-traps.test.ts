/** Calls that no well-behaved client makes: how they end, and that the gateway survives them. */
import { allKeys } from "../../../support/requests.ts";
import * as grpc from "@grpc/grpc-js";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  CountKeysRequest,
  CreateKeyRequest,
} from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import {
  defaultMetadataLimits,
  limitMetadata,
} from "../../../../src/grpc/interceptors/limit-metadata.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { connectRaw, frame } from "../../../support/raw-grpc.ts";
import { eventually } from "../../../support/eventually.ts";
import {
  callRpc,
  createKeyRequest,
  errorInfoOf,
  keys,
  startUnaryServer,
} from "../../../support/unary-server.ts";

const { status } = grpc;
const countKeys = "/keyprotect.v1.KeysService/CountKeys";
const createKey = "/keyprotect.v1.KeysService/CreateKey";
const empty = frame(Buffer.from(CountKeysRequest.encode(allKeys).finish()));
const countsOne = () => Promise.resolve({ totalSize: 1 });

const accidents: unknown[] = [];
const onAccident = (reason: unknown): void => void accidents.push(reason);
beforeEach(() => {
  accidents.length = 0;
  process.on("unhandledRejection", onAccident);
  process.on("uncaughtException", onAccident);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", onAccident);
  process.off("uncaughtException", onAccident);
  expect(accidents).toEqual([]);
});

test.each<[string, { headers?: Record<string, string>; body?: Buffer }, string]>([
  [
    "a compressed frame that is not gzip",
    { headers: { "grpc-encoding": "gzip" }, body: frame(Buffer.from("not gzip"), true) },
    "13",
  ],
  [
    "a gzip bomb",
    {
      headers: { "grpc-encoding": "gzip" },
      body: frame(gzipSync(Buffer.alloc(50_000_000)), true),
    },
    "8",
  ],
  [
    "an unknown compression",
    { headers: { "grpc-encoding": "snappy" }, body: frame(Buffer.from("x"), true) },
    "12",
  ],
  [
    "a message that cannot be decoded",
    { body: frame(Buffer.from([0x0a, 0xff, 0xff, 0x01])) },
    "13",
  ],
  ["a message of 5 MB", { body: frame(Buffer.alloc(5_000_000)) }, "8"],
  ["no message", {}, "12"],
  ["two messages", { body: Buffer.concat([empty, empty]) }, "12"],
  ["an invalid timeout", { headers: { "grpc-timeout": "soon" }, body: empty }, "13"],
])("a call with %s ends only itself", async (_, request, answered) => {
  await using server = await startUnaryServer({ countKeys: countsOne });
  await using raw = await connectRaw(server.port);
  const answer = await raw.call(createKey, request);
  expect(answer.headers["grpc-status"]).toBe(answered);
  await eventually(() => server.endedByLibrary.length + server.outcomes.length === 1);
  if (server.outcomes.length === 0) {
    expect(server.endedByLibrary).toEqual([`${createKey} ${status.UNKNOWN}`]);
  }
  expect((await raw.call(countKeys, { body: empty })).headers["grpc-status"]).toBe("0");
  expect(server.activeCalls.count).toBe(0);
});

test("a request with valid gzip is served", async () => {
  await using server = await startUnaryServer({
    createKey: (request) =>
      Promise.resolve({ key: undefined, keyMaterial: Buffer.from(request.name), replayed: false }),
  });
  await using raw = await connectRaw(server.port);
  const message = Buffer.from(CreateKeyRequest.encode(createKeyRequest()).finish());
  const answer = await raw.call(createKey, {
    headers: { "grpc-encoding": "gzip" },
    body: frame(gzipSync(message), true),
  });
  expect(answer.headers["grpc-status"]).toBe("0");
});

test.each([
  ["25 days", "2160000S"],
  ["30 days", "2592000S"],
  ["49.7 days, which is 0 in 32 bits", "4294968S"],
  ["365 days", "31536000S"],
])("a call with a deadline of %s gets the maximum time", async (_title, timeout) => {
  const allowed: number[] = [];
  await using server = await startUnaryServer({
    countKeys: (_, { deadline }) => {
      allowed.push(deadline - performance.now());
      return countsOne();
    },
  });
  await using raw = await connectRaw(server.port);
  const answer = await raw.call(countKeys, {
    headers: { "grpc-timeout": timeout },
    body: empty,
  });
  expect(answer.headers["grpc-status"]).toBe("0");
  expect(allowed[0]).toBeGreaterThan(50_000);
  expect(allowed[0]).toBeLessThanOrEqual(60_000);
});

test("a call with 60 KB of metadata is rejected with details, and the connection stays open", async () => {
  await using server = await startUnaryServer(
    { countKeys: countsOne },
    { interceptors: [limitMetadata(defaultMetadataLimits)] },
  );
  const { client } = server;
  const metadata = { "x-large": "x".repeat(60_000) };
  const seen = await callRpc(client, keys.countKeys, allKeys, { metadata });
  expect(seen.code).toBe(status.RESOURCE_EXHAUSTED);
  expect(errorInfoOf(seen)).toMatchObject({
    reason: "METADATA_TOO_LARGE",
    metadata: { maxBytes: "16384", maxEntries: "64" },
  });
  expect((await callRpc(client, keys.countKeys, allKeys)).code).toBe(status.OK);
});

test.each([
  ["in one entry", 1, 200_000],
  ["in ten entries", 10, 20_000],
])("200 KB of request metadata %s affects only its sender", async (_, entries, length) => {
  let finish: (() => void) | undefined;
  await using server = await startUnaryServer({
    countKeys: countsOne,
    getKey: () =>
      new Promise((resolve) => {
        finish = () => resolve({ key: undefined });
      }),
  });
  const { client } = server;
  const other = server.newClient();
  const long = callRpc(other, keys.getKey, { keyId: "id" });
  await eventually(() => finish !== undefined);
  const metadata = Object.fromEntries(
    Array.from({ length: entries }, (__, index) => [`x-${index}`, "x".repeat(length)]),
  );
  expect((await callRpc(client, keys.countKeys, allKeys, { metadata })).code).toBe(status.INTERNAL);
  expect((await callRpc(client, keys.countKeys, allKeys)).code).toBe(status.OK);
  finish?.();
  expect((await long).code).toBe(status.OK);
});

test.each([80, 120])(
  "a call with %d pairs of metadata is rejected with RESOURCE_EXHAUSTED",
  async (pairs) => {
    await using server = await startUnaryServer(
      { countKeys: countsOne },
      { interceptors: [limitMetadata(defaultMetadataLimits)] },
    );
    const { client } = server;
    const metadata = Object.fromEntries(
      Array.from({ length: pairs }, (_, index) => [`x-pair-${index}`, "v"]),
    );
    const seen = await callRpc(client, keys.countKeys, allKeys, { metadata });
    expect(seen.code).toBe(status.RESOURCE_EXHAUSTED);
    expect((await callRpc(client, keys.countKeys, allKeys)).code).toBe(status.OK);
  },
);

test("many failing calls do not end a long call on the same connection", async () => {
  let finish: (() => void) | undefined;
  await using server = await startUnaryServer({
    countKeys: () =>
      new Promise((resolve) => {
        finish = () => resolve({ totalSize: 7 });
      }),
    getKey: () => new Promise<never>(() => {}),
  });
  const { client } = server;
  const long = callRpc(client, keys.countKeys, allKeys, { timeoutMs: 60_000 });
  await eventually(() => finish !== undefined);
  // Node closes a connection after 1,000 resets plus 33 per second. If these calls expired at the
  // caller, their resets would close the connection and end the long call.
  const expiring: Promise<{ code: grpc.status }>[] = [];
  for (let wave = 0; wave < 500; wave += 1) {
    for (let index = 0; index < 4; index += 1) {
      expiring.push(callRpc(client, keys.getKey, { keyId: "id" }, { timeoutMs: 400 }));
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  for (const seen of await Promise.all(expiring)) {
    expect(seen.code).toBe(status.DEADLINE_EXCEEDED);
  }
  finish?.();
  expect((await long).response).toEqual({ totalSize: 7 });
}, 90_000);

test("the largest possible error leaves the connection open", async () => {
  await using server = await startUnaryServer({
    countKeys: countsOne,
    getKey: () =>
      Promise.reject(
        new StatusError(status.INVALID_ARGUMENT, "REQUEST_INVALID", "\u{1f512}".repeat(5_000), {
          violations: Array.from({ length: 500 }, (_, index) => ({
            field: `tags[${index}]`,
            description: "\u{1f512}".repeat(500),
            reason: "TOO_LONG",
          })),
        }),
      ),
  });
  const { client } = server;
  const seen = await callRpc(client, keys.getKey, { keyId: "id" });
  expect(seen.code).toBe(status.INVALID_ARGUMENT);
  expect(errorInfoOf(seen).reason).toBe("REQUEST_INVALID");
  expect((await callRpc(client, keys.countKeys, allKeys)).code).toBe(status.OK);
});
