import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePolicy, defaultPolicy } from "../../../src/access/policy.ts";
import type { AccessRule } from "../../../src/access/policy.ts";
import { rpcsOfDoor } from "../../../src/door-rpcs/door-rpcs.ts";
import { rpcTable } from "../../../src/rpc-table.ts";
import type { Rpc } from "../../../src/rpc-table.ts";

function rpc(method: string): Rpc {
  const found = rpcTable.find((row) => row.method === method);
  if (found === undefined) throw new Error(`no such RPC: ${method}`);
  return found;
}

const api = "spiffe://prod.example/ns/payments/sa/api";
const rule = (parts: Partial<AccessRule>): AccessRule => ({
  callers: ["*"],
  methods: ["*"],
  instances: ["*"],
  ...parts,
});

test("a policy without rules allows nothing", () => {
  const isAllowed = compilePolicy([]);

  expect(rpcTable.filter((row) => isAllowed(api, row, "default"))).toEqual([]);
});

describe("the default policy", () => {
  test("the default policy allows local callers everything", () => {
    expect(rpcTable.every((row) => defaultPolicy(true)("anonymous", row, "default"))).toBe(true);
    expect(rpcTable.every((row) => defaultPolicy(false)("unix", row, "default"))).toBe(true);
  });

  test.each(["anonymous", api])(
    "the default policy denies %s over a network the sensitive RPCs",
    (caller) => {
      const denied = rpcTable.filter((row) => !defaultPolicy(false)(caller, row, "default"));
      expect(denied).toEqual(rpcTable.filter((row) => row.sensitive));
      expect(denied.length).toBeGreaterThanOrEqual(4);
    },
  );
});

describe("the default policy of an endpoint", () => {
  const door = { kind: "kubernetes-kms-v2", caller: "kubernetes", instance: "eu" } as const;
  const rows = rpcsOfDoor["kubernetes-kms-v2"];

  test.each([true, false])(
    "allows its caller the methods of its kind on its instance (listeners are local: %s)",
    (isLocal) => {
      const isAllowed = defaultPolicy(isLocal, [door]);
      expect(rows.every((row) => isAllowed("kubernetes", row, "eu"))).toBe(true);
      expect(rows.some((row) => isAllowed("kubernetes", row, "us"))).toBe(false);
      expect(rows.some((row) => isAllowed("unix", row, "eu"))).toBe(false);
    },
  );

  test("is nothing for anybody without an endpoint", () => {
    expect(rows.some((row) => defaultPolicy(true)("kubernetes", row, "eu"))).toBe(false);
  });
});

test("a wildcard does not include methods that destroy, disclose, or change what others rely on", () => {
  const isAllowed = compilePolicy([
    rule({}),
    rule({ methods: ["KeysService/*", "KeyActionsService/*"] }),
    rule({ methods: ["PoliciesService/*", "LockersService/*"] }),
  ]);

  const denied = rpcTable.filter((row) => !isAllowed(api, row, "default"));
  expect(denied.map((row) => row.method)).toEqual([
    "GetKeyMaterial",
    "DeleteKey",
    "UpdateKey",
    "RestoreKey",
    "PurgeKey",
    "EnableKey",
    "DisableKey",
    "ScheduleKeyDeletion",
    "RotateKey",
    "ReplaceKeyPolicies",
    "ReplaceInstancePolicies",
    "DeleteAlias",
    "DeleteKeyRing",
    "CreateLocker",
    "RetrieveLocker",
    "DeleteAdapter",
    "DeleteObject",
    "AddCertificate",
    "DeleteCertificate",
  ]);
});

test.each([
  ["KeysService/DeleteKey", "DeleteKey"],
  ["PoliciesService/ReplaceKeyPolicies", "ReplaceKeyPolicies"],
  ["InstancePoliciesService/ReplaceInstancePolicies", "ReplaceInstancePolicies"],
  ["LockersService/CreateLocker", "CreateLocker"],
  ["KmipCertificatesService/AddCertificate", "AddCertificate"],
])("a rule that names %s allows it and nothing else", (name, method) => {
  const isAllowed = compilePolicy([rule({ methods: [name] })]);

  expect(rpcTable.filter((row) => isAllowed(api, row, "default"))).toEqual([rpc(method)]);
});

test("the wildcard of a service includes only that service", () => {
  const isAllowed = compilePolicy([rule({ methods: ["KeyActionsService/*"] })]);

  expect(rpcTable.filter((row) => isAllowed(api, row, "default")).map((row) => row.method)).toEqual(
    [
      "WrapKey",
      "GenerateDataKey",
      "UnwrapKey",
      "RewrapKey",
      "BatchWrapKey",
      "BatchUnwrapKey",
      "BatchRewrapKey",
      "RewrapStream",
    ],
  );
});

test("a rule allows only the instances whose aliases it lists", () => {
  const isAllowed = compilePolicy([rule({ instances: ["eu", "us"] })]);

  expect(
    ["eu", "us", "*", "", "eu2"].filter((alias) => isAllowed(api, rpc("GetKey"), alias)),
  ).toEqual(["eu", "us"]);
});

test("one rule's instance is not allowed to the caller of another rule", () => {
  const isAllowed = compilePolicy([
    rule({ callers: ["unix"], instances: ["eu"] }),
    rule({ callers: [api], instances: ["us"] }),
  ]);

  expect(isAllowed("unix", rpc("GetKey"), "eu")).toBe(true);
  expect(isAllowed("unix", rpc("GetKey"), "us")).toBe(false);
  expect(isAllowed(api, rpc("GetKey"), "us")).toBe(true);
  expect(isAllowed(api, rpc("GetKey"), "eu")).toBe(false);
});

test.each([
  ["spiffe://prod.example/ns/payments/sa/api", api, true],
  ["spiffe://prod.example/ns/payments/sa/api", `${api}2`, false],
  ["spiffe://prod.example/ns/payments/sa/api", `${api}/x`, false],
  ["spiffe://prod.example/ns/payments/*", api, true],
  ["spiffe://prod.example/ns/payments/*", "spiffe://prod.example/ns/payments", false],
  ["spiffe://prod.example/ns/payments/*", "spiffe://prod.example/ns/payments/", false],
  ["spiffe://prod.example/ns/payments/*", "spiffe://prod.example/ns/payments-evil/sa/api", false],
  ["spiffe://prod.example/*", api, true],
  ["spiffe://prod.example/*", "spiffe://prod.example.evil/ns", false],
  ["spiffe://prod.example/*", "unix", false],
  ["unix", "unix", true],
  ["unix", "anonymous", false],
  ["anonymous", "anonymous", true],
  ["*", "anonymous", true],
  ["*", api, true],
])("a rule for %s matches the caller %s: %j", (pattern, caller, expected) => {
  const isAllowed = compilePolicy([rule({ callers: [pattern] })]);

  expect(isAllowed(caller, rpc("GetKey"), "default")).toBe(expected);
});

const matches = (one: string, text: string): boolean =>
  one.endsWith("*") ? text.startsWith(one.slice(0, -1)) && text.length >= one.length : one === text;

test("a compiled policy decides the same as checking the rules one by one", () => {
  const segment = fc.constantFrom("a", "b", "ab", "c");
  const id = fc
    .array(segment, { minLength: 1, maxLength: 4 })
    .map((segments) => `spiffe://td/${segments.join("/")}`);
  const caller = fc.oneof(id, fc.constantFrom("unix", "anonymous"));
  const pattern = fc.oneof(
    caller,
    fc.constant("*"),
    fc.constant("spiffe://td/*"),
    id.map((text) => `${text}/*`),
  );
  const method = fc.oneof(
    fc.constant("*"),
    fc.constantFrom(...rpcTable).map((row) => `${row.service.split(".").at(-1)}/${row.method}`),
    fc.constantFrom(...rpcTable).map((row) => `${row.service.split(".").at(-1)}/*`),
  );
  const rules = fc.array(
    fc.record({
      callers: fc.array(pattern, { maxLength: 3 }),
      methods: fc.array(method, { maxLength: 3 }),
      instances: fc.array(fc.constantFrom("x", "y", "*"), { maxLength: 2 }),
    }),
    { maxLength: 5 },
  );

  fc.assert(
    fc.property(
      rules,
      caller,
      fc.constantFrom(...rpcTable),
      fc.constantFrom("x", "y", "z"),
      (given, who, row, where) => {
        const name = `${row.service.split(".").at(-1)}/${row.method}`;
        const expected = given.some(
          (each) =>
            each.callers.some((one) => matches(one, who)) &&
            each.methods.some((one) => (row.sensitive ? one === name : matches(one, name))) &&
            each.instances.some((one) => one === "*" || one === where),
        );
        expect(compilePolicy(given)(who, row, where)).toBe(expected);
      },
    ),
    { numRuns: 1_000 },
  );
});

describe("a rule that lists key rings", () => {
  const isAllowed = compilePolicy([
    rule({ methods: ["KeyActionsService/*"], instances: ["eu"], keyRings: ["orders"] }),
    rule({ methods: ["KeysService/GetKey"], keyRings: ["*"] }),
    rule({ methods: ["KeysService/ListKeys"], keyRings: ["payments"] }),
  ]);

  test("a rule with rings allows calls that name one of them, on its instances", () => {
    expect(isAllowed(api, rpc("WrapKey"), "eu", "orders")).toBe(true);
    expect(isAllowed(api, rpc("ListKeys"), "us", "payments")).toBe(true);
    expect(isAllowed(api, rpc("WrapKey"), "us", "orders")).toBe(false);
  });

  test.each([undefined, "payments", "*", "Orders"])(
    "a rule with rings denies a call that names the ring %j",
    (ring) => {
      expect(isAllowed(api, rpc("WrapKey"), "eu", ring)).toBe(false);
    },
  );

  test("a rule with the wildcard allows calls with and without a ring", () => {
    expect(isAllowed(api, rpc("GetKey"), "eu")).toBe(true);
    expect(isAllowed(api, rpc("GetKey"), "eu", "anything")).toBe(true);
  });
});

test("the wildcard of a KMIP service includes its reads and the creation of adapters", () => {
  const isAllowed = compilePolicy([
    rule({
      methods: ["KmipAdaptersService/*", "KmipObjectsService/*", "KmipCertificatesService/*"],
    }),
  ]);

  expect(rpcTable.filter((row) => isAllowed(api, row, "default")).map((row) => row.method)).toEqual(
    [
      "ListAdapters",
      "CreateAdapter",
      "GetAdapter",
      "ListObjects",
      "GetObject",
      "ListCertificates",
      "GetCertificate",
    ],
  );
});

test("a rule that is limited to key rings allows nothing of KMIP, which lies in no ring", () => {
  const isAllowed = compilePolicy([
    rule({ methods: ["KmipAdaptersService/GetAdapter"], keyRings: ["orders"] }),
  ]);
  expect(isAllowed(api, rpc("GetAdapter"), "default")).toBe(false);
});

// Rules name services without their packages.
test("no two services have the same name without their package", () => {
  const services = new Set(rpcTable.map(({ service }) => service));
  const names = new Set([...services].map((service) => service.replace(/^.*\./, "")));
  expect(names.size).toBe(services.size);
  expect(services.size).toBeGreaterThanOrEqual(10);
});

// Commands, error tables and the README name RPCs without their services.
test("no two RPCs have the same name", () => {
  expect(new Set(rpcTable.map(({ method }) => method)).size).toBe(rpcTable.length);
});
