import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { descriptorSet } from "../../../src/gen/descriptor-set.ts";
import { assertTableCovers, rpcOf, rpcTable, type RepeatClass } from "../../../src/rpc-table.ts";
import { pathOf, readContract } from "./contract.ts";

const contract = readContract(Buffer.from(descriptorSet, "base64"));
const paths = contract.methods.map(pathOf);

/** What a client library may assume about an RPC, given what the gateway knows about repeating it. */
const levels: Readonly<Record<RepeatClass, readonly Level[]>> = {
  safe: [Level.NO_SIDE_EFFECTS, Level.IDEMPOTENT],
  conditional: [Level.IDEMPOTENT],
  unsafe: [Level.IDEMPOTENCY_UNKNOWN],
};

describe("the table of RPCs and the contract", () => {
  test("have the same RPCs, each once", () => {
    expect(rpcTable.map((rpc) => rpc.path).toSorted()).toEqual(paths.toSorted());
    expect(new Set(paths).size).toBe(paths.length);
  });

  test("pass the check that start-up makes", () => {
    expect(() => assertTableCovers(paths)).not.toThrow();
  });

  test("fail that check if the contract has one RPC more", () => {
    const more = [...paths, "/keyprotect.v1.KeysService/RestoreKey"];
    expect(() => assertTableCovers(more)).toThrow(
      "without a row: /keyprotect.v1.KeysService/RestoreKey; without an RPC: none",
    );
  });

  test("fail that check if the contract has one RPC less", () => {
    const less = paths.filter((path) => !path.endsWith("/RotateKey"));
    expect(() => assertTableCovers(less)).toThrow(
      "without a row: none; without an RPC: /keyprotect.v1.KeyActionsService/RotateKey",
    );
  });

  test.each(contract.methods.map((method) => [pathOf(method), method.idempotency] as const))(
    "agree on repeating %s",
    (path, idempotency) => {
      expect(levels[rpcOf(path).repeat]).toContain(idempotency);
    },
  );

  test("give every row the service and method of its path", () => {
    for (const rpc of rpcTable) expect(rpc.path).toBe(`/${rpc.service}/${rpc.method}`);
  });

  test("leave every RPC time for a whole upstream attempt within its default deadline", () => {
    for (const rpc of rpcTable) expect(rpc.defaultDeadlineMs).toBeGreaterThan(rpc.attemptTimeoutMs);
  });
});

test("an RPC without a row is refused by name", () => {
  expect(() => rpcOf("/keyprotect.v1.KeysService/RestoreKey")).toThrow("RestoreKey");
});

// Connect clients may send these as HTTP GET with the request in the URL, where it reaches access logs and caches.
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
