import { describe, expect, test } from "vitest";
import { Secret } from "../../../../src/platform/secret.ts";
import { requestScope } from "../../../../src/service/idempotency/key-scope.ts";
import { callContext } from "../../../support/call-context.ts";

const requestId = "5c1b2a3d-7e8f-4a1b-9c2d-3e4f5a6b7c8d";
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const jwt = (claims: unknown): Secret =>
  new Secret(`${part({ alg: "RS256" })}.${part(claims)}.c2ln`);
const scopeOf = (callerToken: Secret | undefined, isTokenPassedThrough: boolean) =>
  requestScope(
    callContext("CreateKey", { callerToken }),
    requestId,
    isTokenPassedThrough,
    "https://kms one",
  );

test("without token pass-through the scope is instance, RPC and caller, whatever token was sent", () => {
  const scope = [
    "https://kms one",
    "/keyprotect.v1.KeysService/CreateKey",
    "anonymous",
    "",
    requestId,
  ];
  expect(scopeOf(undefined, false)).toEqual(scope);
  expect(scopeOf(jwt({ iam_id: "IBMid-1" }), false)).toEqual(scope);
});

describe("with the caller's token", () => {
  test.each([
    [{ iam_id: "IBMid-1", sub: "a@example.com" }, "IBMid-1"],
    [{ sub: "a@example.com" }, "a@example.com"],
  ])("the token's subject %o belongs to the scope", (claims, subject) => {
    expect(scopeOf(jwt(claims), true)?.[3]).toBe(subject);
  });

  test("a renewed token of the same subject has the same scope", () => {
    const one = scopeOf(jwt({ iam_id: "IBMid-1", exp: 1 }), true);
    expect(scopeOf(jwt({ iam_id: "IBMid-1", exp: 2 }), true)).toEqual(one);
  });

  test.each<[string, Secret]>([
    ["is opaque", new Secret("opaque")],
    ["has three parts that are no JSON", new Secret("a.b.c")],
    ["has no claims", jwt(null)],
    ["names no subject", jwt({})],
    ["names an empty subject", jwt({ iam_id: "" })],
    ["names a subject that is no text", jwt({ iam_id: { toString: "x" } })],
  ])("there is no scope for a token that %s", (_, token) => {
    expect(scopeOf(token, true)).toBeUndefined();
  });

  test("a call without a token has a scope, so that it fails upstream for the missing token", () => {
    expect(scopeOf(undefined, true)?.[3]).toBe("");
  });
});
