import { withAbsentHandlers } from "../../../support/absent-handlers.ts";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { CreateKeyRequest } from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import { bindService, type HandlersOf } from "../../../../src/grpc/call/bind-service.ts";
import { services } from "../../../../src/grpc/call/services.ts";
import type { Unary } from "../../../../src/grpc/call/unary-handler.ts";
import { rpcTable } from "../../../../src/rpc-table.ts";
import { createKeyRequest } from "../../../support/unary-server.ts";

const policies = services.policies;
type PolicyHandlers = HandlersOf<typeof policies>;
const answers = () => Promise.resolve({ policies: [] });
const handlers: PolicyHandlers = { getKeyPolicies: answers, replaceKeyPolicies: answers };

const same = (bytes: Buffer): Buffer => bytes;

/** Records which rows were bound. */
function recorder(): { readonly unary: Unary; readonly bound: string[] } {
  const bound: string[] = [];
  return {
    bound,
    unary: (rpc) => {
      bound.push(rpc.path);
      return () => {};
    },
  };
}

test("every method of a service is bound with the table row of its path", () => {
  const { unary, bound } = recorder();
  const service = bindService(policies, handlers, unary);
  expect(bound).toEqual([
    "/keyprotect.v1.PoliciesService/GetKeyPolicies",
    "/keyprotect.v1.PoliciesService/ReplaceKeyPolicies",
  ]);
  expect(Object.keys(service.implementation)).toEqual(Object.keys(policies));
  expect(Object.keys(service.definition)).toEqual(Object.keys(policies));
});

test("the four services have a row for each method, and no row is left over", () => {
  const paths = Object.values(services)
    .flatMap((service) => Object.values(service))
    .map(({ path }) => String(path));
  expect(paths.toSorted()).toEqual(rpcTable.map(({ path }) => path).toSorted());
});

test("a service with a method without a handler is rejected", () => {
  const { replaceKeyPolicies: _, ...some } = handlers;
  const incomplete: Partial<PolicyHandlers> = some;
  expect(() =>
    // @ts-expect-error A handler is missing.
    bindService(policies, incomplete, recorder().unary),
  ).toThrow("no handler for /keyprotect.v1.PoliciesService/ReplaceKeyPolicies");
});

test("a handler without a method is rejected", () => {
  const surplus = { ...handlers, purgeKeyPolicies: answers };
  expect(() => bindService(policies, surplus, recorder().unary)).toThrow(
    "no method for handlers: purgeKeyPolicies",
  );
});

test("a method without a row in the table is rejected", () => {
  const definition = {
    getKeyPolicies: { ...policies.getKeyPolicies, path: "/keyprotect.v1.PoliciesService/Purge" },
  };
  expect(() => bindService(definition, { getKeyPolicies: answers }, recorder().unary)).toThrow(
    "no row in rpc-table.ts for /keyprotect.v1.PoliciesService/Purge",
  );
});

test("a streaming method is rejected", () => {
  const definition = { getKeyPolicies: { ...policies.getKeyPolicies, responseStream: true } };
  expect(() => bindService(definition, { getKeyPolicies: answers }, recorder().unary)).toThrow(
    "/keyprotect.v1.PoliciesService/GetKeyPolicies streams",
  );
});

test("the frame of a request is zeroed after decoding, and the decoded request is not", () => {
  const { definition } = bindService(
    services.keys,
    withAbsentHandlers(services.keys, {}),
    recorder().unary,
  );
  const message = createKeyRequest(Buffer.from("material"));
  const bytes = Buffer.from(CreateKeyRequest.encode(message).finish());
  const allocation = Buffer.concat([Buffer.from("<"), bytes, Buffer.from(">")]);
  const decoded = definition["createKey"]?.requestDeserialize(allocation.subarray(1, -1));
  expect(decoded).toEqual(message);
  expect(allocation.toString("latin1")).toBe(`<${"\0".repeat(bytes.length)}>`);

  const broken = Buffer.from([0x0a, 0xff, 0x41, 0x42]);
  expect(() => definition["createKey"]?.requestDeserialize(broken)).toThrow();
  expect(broken).toEqual(Buffer.alloc(4));
});

test("a response that is not encoded is not sent", () => {
  const { definition } = bindService(policies, handlers, recorder().unary);
  const encoded = Buffer.from("encoded");
  expect(definition["getKeyPolicies"]?.responseSerialize(encoded)).toBe(encoded);
  expect(() => definition["getKeyPolicies"]?.responseSerialize({ policies: [] })).toThrow(
    "the response is not encoded",
  );
});

test("grpc-js copies the message of a response before its callback returns", async () => {
  const sent = Buffer.from("");
  const server = new grpc.Server();
  let atReturn = "";
  server.addService(
    {
      call: {
        path: "/test/Call",
        requestStream: false,
        responseStream: false,
        requestDeserialize: same,
        requestSerialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    {
      call: (_: unknown, callback: grpc.sendUnaryData<Buffer>) => {
        const response = Buffer.from("the answer");
        callback(null, response);
        atReturn = response.toString();
        response.fill(0);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const received = await new Promise<Buffer | undefined>((resolve, reject) =>
    client.makeUnaryRequest("/test/Call", same, same, sent, (error, value) =>
      error === null ? resolve(value) : reject(error),
    ),
  );
  client.close();
  server.forceShutdown();
  expect(atReturn).toBe("the answer");
  expect(received?.toString()).toBe("the answer");
});
