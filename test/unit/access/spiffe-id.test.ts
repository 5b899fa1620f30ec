import { expect, test } from "vitest";
import { isTrustDomain, trustDomainOf } from "../../../src/access/spiffe-id.ts";

test.each([
  ["spiffe://prod.example/ns/payments/sa/api", "prod.example"],
  ["spiffe://a/b", "a"],
  ["spiffe://trust_domain-1.x/A.b_c-9", "trust_domain-1.x"],
  [`spiffe://${"a".repeat(255)}/b`, "a".repeat(255)],
])("the trust domain of %s is %s", (uri, trustDomain) => {
  expect(trustDomainOf(uri)).toBe(trustDomain);
});

test.each([
  ["no path", "spiffe://prod.example"],
  ["an empty path", "spiffe://prod.example/"],
  ["a closing slash", "spiffe://prod.example/a/"],
  ["an empty segment", "spiffe://prod.example/a//b"],
  ["a dot segment", "spiffe://prod.example/a/./b"],
  ["a closing dot segment", "spiffe://prod.example/a/.."],
  ["another scheme", "https://prod.example/a"],
  ["a scheme in capitals", "SPIFFE://prod.example/a"],
  ["a trust domain in capitals", "spiffe://Prod.example/a"],
  ["a port", "spiffe://prod.example:443/a"],
  ["a user", "spiffe://user@prod.example/a"],
  ["no trust domain", "spiffe:///a"],
  ["a query", "spiffe://prod.example/a?b"],
  ["a fragment", "spiffe://prod.example/a#b"],
  ["an escape", "spiffe://prod.example/%61"],
  ["a wildcard", "spiffe://prod.example/*"],
  ["a line break at its end", "spiffe://prod.example/a\n"],
  ["quotes, as Node prints a crafted name", '"spiffe://prod.example/a"'],
  ["a trust domain of 256 bytes", `spiffe://${"a".repeat(256)}/b`],
  ["2,049 bytes", `spiffe://a/${"b".repeat(2038)}`],
  ["nothing at all", ""],
])("a text with %s is not the SPIFFE ID of a workload", (_what, uri) => {
  expect(trustDomainOf(uri)).toBeUndefined();
});

test("a SPIFFE ID may have 2,048 bytes", () => {
  expect(trustDomainOf(`spiffe://a/${"b".repeat(2037)}`)).toBe("a");
});

test.each([
  ["prod.example", true],
  ["", false],
  ["Prod", false],
  ["a/b", false],
  ["a".repeat(256), false],
])("isTrustDomain of %j is %j", (text, expected) => {
  expect(isTrustDomain(text)).toBe(expected);
});
