import * as fc from "fast-check";
import { expect, test } from "vitest";
import { claimsOf, tokenAge } from "../../../src/keyprotect/token-claims.ts";

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
const tokenOf = (claims: unknown): string => `${encode({ alg: "none" })}.${encode(claims)}.x`;

const now = Date.UTC(2026, 0, 2);
const nowSeconds = now / 1_000;

test("the claims of a token are those of its second part", () => {
  expect(claimsOf(tokenOf({ iam_id: "IBMid-1", exp: 5 }))).toEqual({ iam_id: "IBMid-1", exp: 5 });
});

test.each([
  "",
  "opaque",
  "two.parts",
  "a.%%%.c",
  tokenOf([1]),
  tokenOf("text"),
  tokenOf(null),
  `.${Buffer.from("{").toString("base64url")}.`,
])("the token %j has no claims", (token) => {
  expect(claimsOf(token)).toBeUndefined();
  expect(tokenAge(token, now)).toBeUndefined();
});

test.each([
  [nowSeconds - 3_600, "expired"],
  [nowSeconds, "expired"],
  [nowSeconds + 1, undefined],
  [nowSeconds + 60, undefined],
  [nowSeconds + 61, "current"],
  [String(nowSeconds - 3_600), undefined],
  [undefined, undefined],
])("a token with the expiry %j is %s at the time of the test", (exp, age) => {
  expect(tokenAge(tokenOf({ exp }), now)).toBe(age);
});

test("any text has an age or none", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer(), (token, at) => {
      expect(["expired", "current", undefined]).toContain(tokenAge(token, at));
    }),
  );
});
