import { expect, test } from "vitest";
import { findRuleProblems } from "../../../src/access/policy-lint.ts";

/** Surroundings that rules of every form fit. */
const around = (...aliases: string[]) => ({
  aliases,
  trustDomains: ["prod.example"],
  doorCallers: ["kubernetes"],
});

const good = { callers: ["unix"], methods: ["*"], instances: ["*"] };

test("findRuleProblems accepts rules of every form", () => {
  expect(
    findRuleProblems(
      [
        {
          callers: [
            "*",
            "unix",
            "anonymous",
            "kubernetes",
            "spiffe://prod.example/a",
            "spiffe://prod.example/a/*",
            "spiffe://prod.example/*",
          ],
          methods: [
            "*",
            "KeysService/*",
            "KeysService/GetKey",
            "LockersService/RetrieveLocker",
            "KubernetesKms/Status",
            "KubernetesKms/*",
          ],
          instances: ["*", "eu"],
        },
      ],
      around("eu", "us"),
    ),
  ).toEqual([]);
});

test.each([
  ["callers", { ...good, callers: [] }],
  ["methods", { ...good, methods: [] }],
  ["instances", { ...good, instances: [] }],
])("a rule whose list of %s is empty is a problem", (part, rule) => {
  expect(findRuleProblems([good, rule], around())).toEqual([
    { rule: 1, list: part, what: "is empty, so the rule allows nothing" },
  ]);
});

test.each([
  "KeysService/GetKeys",
  "KeyService/GetKey",
  "GetKey",
  "KeysService/Get*",
  "*/GetKey",
  "keyprotect.v1.KeysService/GetKey",
  "",
])("the method %j is a problem", (method) => {
  expect(findRuleProblems([{ ...good, methods: [method] }], around())).toEqual([
    {
      rule: 0,
      list: "methods",
      what: expect.stringContaining(`there is no method ${JSON.stringify(method)}`),
    },
  ]);
});

test.each([
  "spiffe://prod.example/a*",
  "spiffe://prod.example*",
  "spiffe://*",
  "spiffe://*/a",
  "spiffe://prod.example/*/a",
  "spiffe://prod.example/**",
  "**",
])("the caller %j, whose wildcard is not on a path boundary, is a problem", (caller) => {
  expect(findRuleProblems([{ ...good, callers: [caller] }], around())).toHaveLength(1);
});

test.each(["spiffe://prod.example", "prod.example/a", "Unix", "https://prod.example/*", "/*", ""])(
  "the caller %j, which no identity has, is a problem",
  (caller) => {
    expect(findRuleProblems([{ ...good, callers: [caller] }], around())).toEqual([
      { rule: 0, list: "callers", what: expect.stringContaining("is neither a SPIFFE ID") },
    ]);
  },
);

test("an alias that is not configured is a problem", () => {
  expect(findRuleProblems([{ ...good, instances: ["eu", "su"] }], around("eu"))).toEqual([
    { rule: 0, list: "instances", what: 'no instance is called "su"' },
  ]);
});

test("findRuleProblems reports all problems at once", () => {
  const bad = { callers: ["a"], methods: ["b"], instances: ["c"] };

  expect(findRuleProblems([bad, bad], around())).toHaveLength(6);
});

test.each([
  ["spiffe://prod.exmaple/a"],
  ["spiffe://prod.exmaple/*"],
  ["spiffe://prod.exmaple/a/*"],
  ["spiffe://prod.example.org/a"],
])("the caller %j, whose trust domain is not accepted, is a problem", (caller) => {
  expect(findRuleProblems([{ ...good, callers: [caller] }], around())).toEqual([
    {
      rule: 0,
      list: "callers",
      what: `"${caller}" cannot call: its trust domain is not in tls.trustDomains`,
    },
  ]);
});

test("a SPIFFE ID is a problem where no listener asks for client certificates", () => {
  const callers = ["unix", "spiffe://prod.example/a", "anonymous", "*"];
  const surroundings = { aliases: [], trustDomains: undefined, doorCallers: [] };
  expect(findRuleProblems([{ ...good, callers }], surroundings)).toEqual([
    {
      rule: 0,
      list: "callers",
      what: expect.stringContaining('"spiffe://prod.example/a" cannot call: '),
    },
  ]);
});

test("the caller of an endpoint that does not exist is a problem", () => {
  expect(findRuleProblems([{ ...good, callers: ["kubernetes-2"] }], around())).toEqual([
    {
      rule: 0,
      list: "callers",
      what: '"kubernetes-2" is neither a SPIFFE ID nor the caller of an endpoint, "unix", "anonymous" or "*"',
    },
  ]);
});
