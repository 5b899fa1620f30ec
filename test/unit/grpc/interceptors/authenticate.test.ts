import { Metadata, status } from "@grpc/grpc-js";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { createAuthenticate } from "../../../../src/grpc/interceptors/authenticate.ts";
import { behind, callContext } from "../../../support/call-context.ts";

/** The context as the handler behind the interceptor receives it. */
async function authenticated(overrides: Partial<CallContext>, isTls = false): Promise<CallContext> {
  const handler = behind(createAuthenticate({ isTls }), (_request: undefined, context) =>
    Promise.resolve(context),
  );
  return handler(undefined, callContext("GetKey", overrides));
}

function authorization(...values: string[]): Metadata {
  const metadata = new Metadata();
  for (const value of values) metadata.add("authorization", value);
  return metadata;
}

const id = "spiffe://prod.example/ns/a";

test("the caller is the SPIFFE ID of its certificate", async () => {
  const { caller } = await authenticated({ peer: "10.0.0.9:1", certificateUri: id }, true);

  expect(caller).toBe(id);
});

test("the caller on a Unix socket is called unix", async () => {
  expect((await authenticated({ peer: "unix" })).caller).toBe("unix");
});

test.each(["127.0.0.1:50000", "10.0.0.9:50000", "unknown"])(
  "the caller at %s without a certificate is anonymous",
  async (peer) => {
    expect((await authenticated({ peer })).caller).toBe("anonymous");
  },
);

test("a call whose certificate does not identify the caller is rejected before all else", async () => {
  const certificateProblem = "the certificate has more than one URI name";

  await expect(
    authenticated({ peer: "10.0.0.9:1", certificateProblem }, true),
  ).rejects.toMatchObject({
    code: status.UNAUTHENTICATED,
    reason: "CALLER_UNAUTHENTICATED",
    message: "the caller is not identified: the certificate has more than one URI name",
  });
});

test.each([
  ["over TLS", "10.0.0.9:1", true],
  ["on a Unix socket", "unix", false],
  ["from 127.0.0.1", "127.0.0.1:50000", false],
  ["from 127.8.9.10", "127.8.9.10:50000", false],
  ["from ::1", "::1:50000", false],
  ["from a mapped loopback address", "::ffff:127.0.0.1:50000", false],
])("a bearer token %s is accepted", async (_where, peer, isTls) => {
  const context = await authenticated(
    { peer, metadata: authorization("Bearer abc.def-_~+/=") },
    isTls,
  );

  expect(context.callerToken?.reveal()).toBe("abc.def-_~+/=");
});

test.each([
  "10.0.0.9:50000",
  "fd00::1:50000",
  "::ffff:10.0.0.9:50000",
  "unknown",
  "128.0.0.1:1",
  "127.evil:1",
  "",
])("a bearer token in plaintext from %j is ignored", async (peer) => {
  const context = await authenticated({ peer, metadata: authorization("Bearer abc") });

  expect(context.callerToken).toBeUndefined();
  expect(context.caller).toBe("anonymous");
});

test.each([["Bearer abc"], ["bearer abc"], ["BEARER   abc"]])(
  "the token of %j is read",
  async (value) => {
    const context = await authenticated({ metadata: authorization(value) });

    expect(context.callerToken?.reveal()).toBe("abc");
  },
);

test.each([
  ["no authorization", []],
  ["another scheme", ["Basic abc"]],
  ["no token", ["Bearer "]],
  ["a token with a blank", ["Bearer a b"]],
  ["a scheme without a blank", ["Bearerabc"]],
  ["two tokens", ["Bearer a", "Bearer b"]],
  ["two tokens in one", ["Bearer a, Bearer b"]],
])("metadata with %s gives no token", async (_what, values) => {
  const context = await authenticated({ metadata: authorization(...values) });

  expect(context.callerToken).toBeUndefined();
});

test("the token in the context is redacted when printed", async () => {
  const { callerToken } = await authenticated({ metadata: authorization("Bearer canary") });

  expect(
    `${String(callerToken)} ${JSON.stringify(callerToken)} ${inspect(callerToken)}`,
  ).not.toContain("canary");
});
