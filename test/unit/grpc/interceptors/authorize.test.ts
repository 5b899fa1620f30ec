import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { compilePolicy } from "../../../../src/access/policy.ts";
import type { CallContext } from "../../../../src/grpc/call/call-context.ts";
import { chain } from "../../../../src/grpc/interceptors/interceptor.ts";
import { createAuthenticate } from "../../../../src/grpc/interceptors/authenticate.ts";
import { createAuthorize } from "../../../../src/grpc/interceptors/authorize.ts";
import { createSelectInstance } from "../../../../src/grpc/interceptors/select-instance.ts";
import { behind, callContext } from "../../../support/call-context.ts";

const authorize = createAuthorize(
  compilePolicy([{ callers: ["unix"], methods: ["KeysService/*"], instances: ["eu"] }]),
);

function called(method: string, overrides: Partial<CallContext>, seen: unknown[] = []) {
  const handler = behind(authorize, (request: unknown) => {
    seen.push(request);
    return Promise.resolve("answered");
  });
  return handler(
    { keyId: "k1" },
    callContext(method, { caller: "unix", instance: "eu", ...overrides }),
  );
}

test("a call that a rule allows reaches its handler", async () => {
  const seen: unknown[] = [];

  expect(await called("GetKey", {}, seen)).toBe("answered");
  expect(seen).toEqual([{ keyId: "k1" }]);
});

test.each<[string, Partial<CallContext>]>([
  ["GetKey", { caller: "anonymous" }],
  ["GetKey", { instance: "us" }],
  ["WrapKey", {}],
  ["DeleteKey", {}],
])("a denied %s with %j is rejected before its request is validated", async (method, overrides) => {
  const seen: unknown[] = [];

  await expect(called(method, overrides, seen)).rejects.toMatchObject({
    code: status.PERMISSION_DENIED,
    reason: "CALLER_NOT_AUTHORIZED",
  });
  expect(seen).toEqual([]);
});

test("a rejection names the method and the instance, and no part of the request", async () => {
  await expect(called("DeleteKey", {})).rejects.toMatchObject({
    message: "the gateway's policy does not allow this caller DeleteKey on this instance",
    details: {
      resource: {
        type: "keyprotect-gateway/method",
        name: "keyprotect.v1.KeysService/DeleteKey",
        description: "instance eu",
      },
    },
  });
});

test("authentication is checked before the instance, and the instance before the policy", async () => {
  const interceptors = chain([
    createAuthenticate({ isTls: true }),
    createSelectInstance({ instances: new Map([["eu", { instanceId: "" }]]), defaultAlias: "eu" }),
    authorize,
  ]);
  const whole = behind(interceptors, () => Promise.resolve("answered"));
  const context = callContext("GetKey", { peer: "10.0.0.9:1" });
  context.metadata.set("x-kp-instance", "nowhere");

  await expect(
    whole({}, { ...context, certificateProblem: "the certificate has no URI name" }),
  ).rejects.toMatchObject({ reason: "CALLER_UNAUTHENTICATED" });
  await expect(whole({}, context)).rejects.toMatchObject({ reason: "INSTANCE_UNKNOWN" });
  context.metadata.set("x-kp-instance", "eu");
  await expect(whole({}, context)).rejects.toMatchObject({ reason: "CALLER_NOT_AUTHORIZED" });
});

const inKeyRings = (keyRing: string | undefined, targetKeyRing: string | undefined) =>
  callContext("GetKey", { caller: "unix", keyRing, targetKeyRing });

test("a call that moves a key is allowed only if the rules allow both its ring and the target", async () => {
  const rule = {
    callers: ["unix"],
    methods: ["KeysService/*"],
    instances: ["*"],
    keyRings: ["orders", "payments"],
  };
  const inRings = behind(createAuthorize(compilePolicy([rule])), () => Promise.resolve("answered"));

  expect(await inRings({}, inKeyRings("orders", "payments"))).toBe("answered");
  expect(await inRings({}, inKeyRings("orders", undefined))).toBe("answered");
  const denied = { reason: "CALLER_NOT_AUTHORIZED" };
  await expect(inRings({}, inKeyRings("orders", "audit"))).rejects.toMatchObject(denied);
  await expect(inRings({}, inKeyRings(undefined, "payments"))).rejects.toMatchObject(denied);
});

const allowing = (method: string) =>
  behind(
    createAuthorize(compilePolicy([{ callers: ["unix"], methods: [method], instances: ["*"] }])),
    () => Promise.resolve("answered"),
  );

test("a forced deletion needs a rule that names DeleteKey:force, which allows plain ones too", async () => {
  const context = callContext("DeleteKey", { caller: "unix" });
  const denied = { reason: "CALLER_NOT_AUTHORIZED" };

  const plain = allowing("KeysService/DeleteKey");
  expect(await plain({ force: false }, context)).toBe("answered");
  await expect(plain({ force: true }, context)).rejects.toMatchObject(denied);
  await expect(allowing("*")({ force: true }, context)).rejects.toMatchObject(denied);
  const forced = allowing("KeysService/DeleteKey:force");
  expect(await forced({ force: true }, context)).toBe("answered");
  expect(await forced({ force: false }, context)).toBe("answered");
});

test("a forced deletion of a KMIP object needs a rule that names DeleteObject:force", async () => {
  const context = callContext("DeleteObject", { caller: "unix" });
  const denied = { reason: "CALLER_NOT_AUTHORIZED" };

  const plain = allowing("KmipObjectsService/DeleteObject");
  expect(await plain({ force: false }, context)).toBe("answered");
  await expect(plain({ force: true }, context)).rejects.toMatchObject(denied);
  const forced = allowing("KmipObjectsService/DeleteObject:force");
  expect(await forced({ force: true }, context)).toBe("answered");
});
