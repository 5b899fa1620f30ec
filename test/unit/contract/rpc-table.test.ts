import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { descriptorSet } from "../../../src/gen/descriptor-set.ts";
import {
  assertTableCovers,
  rpcOf,
  rpcTable,
  type CoalesceClass,
  type RetryClass,
} from "../../../src/rpc-table.ts";
import { pathOf, readContract } from "../../../scripts/contract/contract.ts";

const contract = readContract(Buffer.from(descriptorSet, "base64"));
const paths = contract.methods.map(pathOf);

/** Idempotency levels that the contract may declare for each retry class of the table. */
const levels: Readonly<Record<RetryClass, readonly Level[]>> = {
  safe: [Level.NO_SIDE_EFFECTS, Level.IDEMPOTENT],
  conditional: [Level.IDEMPOTENT],
  unsafe: [Level.IDEMPOTENCY_UNKNOWN],
};

const methodsOf = (coalesce: CoalesceClass) =>
  rpcTable.filter((rpc) => rpc.coalesce === coalesce).map(({ method }) => method);

describe("rpc-table.ts", () => {
  test("the table and the contract have the same RPCs, each once", () => {
    expect(rpcTable.map((rpc) => rpc.path).toSorted()).toEqual(paths.toSorted());
    expect(new Set(paths).size).toBe(paths.length);
  });

  test("assertTableCovers accepts the RPCs of the contract", () => {
    expect(() => assertTableCovers(paths)).not.toThrow();
  });

  test("assertTableCovers throws for an RPC of the contract without a row", () => {
    const more = [...paths, "/keyprotect.v1.KeysService/ShareKey"];
    expect(() => assertTableCovers(more)).toThrow(
      "without a row: /keyprotect.v1.KeysService/ShareKey; without an RPC: none",
    );
  });

  test("assertTableCovers throws for a row without an RPC in the contract", () => {
    const less = paths.filter((path) => !path.endsWith("/RotateKey"));
    expect(() => assertTableCovers(less)).toThrow(
      "without a row: none; without an RPC: /keyprotect.v1.KeyActionsService/RotateKey",
    );
  });

  test.each(contract.methods.map((method) => [pathOf(method), method.idempotency] as const))(
    "the contract and the table agree on whether %s may be repeated",
    (path, idempotency) => {
      expect(levels[rpcOf(path).retry]).toContain(idempotency);
    },
  );

  test("the path of every row is its service and its method", () => {
    for (const rpc of rpcTable) expect(rpc.path).toBe(`/${rpc.service}/${rpc.method}`);
  });

  test("every default deadline is longer than one upstream attempt", () => {
    for (const rpc of rpcTable) expect(rpc.defaultDeadlineMs).toBeGreaterThan(rpc.attemptTimeoutMs);
  });

  test("only reads whose result is the same for all callers, and UnwrapKey, are coalesced", () => {
    expect(methodsOf("read")).toEqual([
      "CountKeys",
      "GetKey",
      "GetKeyPolicies",
      "ListLockers",
      "GetAdapter",
      "GetObject",
      "GetCertificate",
    ]);
    expect(methodsOf("unwrap")).toEqual(["UnwrapKey"]);
    for (const rpc of rpcTable) if (rpc.coalesce !== "never") expect(rpc.retry).toBe("safe");
  });
});

test("rpcOf throws for an RPC without a row and names it", () => {
  expect(() => rpcOf("/keyprotect.v1.KeysService/ShareKey")).toThrow("ShareKey");
});

// Connect clients may send such RPCs as HTTP GET with the request in the URL, which access logs and
// caches store.
test("no RPC whose messages carry a secret claims to have no side effects", () => {
  const disclosing = contract.methods.filter((method) =>
    [...method.input.fields, ...method.output.fields].some(
      (field) => field.proto.options?.debugRedact === true,
    ),
  );
  expect(disclosing.map((method) => method.name).toSorted()).toEqual([
    "CreateKey",
    "GenerateDataKey",
    "GetKeyMaterial",
    "RetrieveLocker",
    "RotateKey",
    "UnwrapKey",
    "WrapKey",
  ]);
  for (const method of disclosing) expect(method.idempotency).not.toBe(Level.NO_SIDE_EFFECTS);
});
