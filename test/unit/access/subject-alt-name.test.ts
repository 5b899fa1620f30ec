import * as fc from "fast-check";
import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { uriNames } from "../../../src/access/subject-alt-name.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";

const authority = createCertificateAuthority();

/** The names as Node prints them for a real certificate. */
function printed(request: Parameters<typeof authority.issue>[0]): string {
  return new X509Certificate(authority.issue(request).cert).subjectAltName ?? "";
}

test("uriNames finds the only URI name among names of other kinds", () => {
  const names = printed({
    uris: ["spiffe://prod.example/ns/a"],
    dnsNames: ["a.example"],
    ipAddresses: ["127.0.0.1", "::1"],
  });

  expect(uriNames(names)).toEqual(["spiffe://prod.example/ns/a"]);
});

test("uriNames finds every URI name", () => {
  expect(uriNames(printed({ uris: ["spiffe://a/b", "spiffe://a/c"] }))).toEqual([
    "spiffe://a/b",
    "spiffe://a/c",
  ]);
});

test.each(["", "DNS:a.example", "email:a@b.example, othername:<unsupported>, DirName:CN = a"])(
  "uriNames finds no URI name in %j",
  (names) => {
    expect(uriNames(names)).toEqual([]);
  },
);

test.each(["spiffe://a/b, URI:spiffe://a/c", 'spiffe://a/"b', "spiffe://a/b\\, URI:x", "a\u0000b"])(
  "the crafted URI name %j is read as one name",
  (crafted) => {
    const uris = uriNames(printed({ uris: [crafted], dnsNames: ["a.example"] }));

    expect(uris).toHaveLength(1);
    expect(uris?.[0]).toMatch(/^"/);
  },
);

test("a DNS name that contains a URI name is not read as one", () => {
  expect(uriNames(printed({ dnsNames: ["a, URI:spiffe://prod.example/admin"] }))).toEqual([]);
});

test.each(["nothing", "URI:a,URI:b", ", URI:a", "URI:a, ", 'URI:"a', 'URI:"a"b', "URI:a, b"])(
  "uriNames rejects %j, which Node does not write",
  (text) => {
    expect(uriNames(text)).toBeUndefined();
  },
);

test("uriNames reads back any list of plain URI names", () => {
  const plain = fc.stringMatching(/^[a-z:/.@-]{0,40}$/);
  fc.assert(
    fc.property(fc.array(plain), fc.array(plain), (uris, dns) => {
      const text = [...dns.map((name) => `DNS:${name}`), ...uris.map((uri) => `URI:${uri}`)];
      expect(uriNames(text.join(", "))).toEqual(uris);
    }),
  );
});

test("uriNames terminates for any text", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[URIDNS:", \\a]{0,60}$/), (text) => {
      const uris = uriNames(text);
      expect(uris === undefined || uris.length <= text.split("URI:").length).toBe(true);
    }),
  );
});
