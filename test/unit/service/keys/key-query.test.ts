import { expect, test } from "vitest";
import { KeyState, KeyType } from "../../../../src/gen/keyprotect/v1/key.ts";
import type { FieldViolation } from "../../../../src/grpc/status/status-error.ts";
import {
  checkKeyChoice,
  keyQueryKey,
  orderBy,
  search,
  toKeyQuery,
} from "../../../../src/service/keys/key-query.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a value of a later version
const unknownValue = 9 as never;
const all = { states: [], types: [], filter: "" };

test("an empty choice is a query of all keys, and adds nothing to a page token", () => {
  const query = toKeyQuery(all);
  expect(query).toEqual({
    states: [],
    extractable: undefined,
    search: undefined,
    sort: undefined,
    filter: undefined,
  });
  expect(keyQueryKey(query)).toEqual([]);
});

test("states become Key Protect's numbers, each once and in order", () => {
  const states = [KeyState.DESTROYED, KeyState.ACTIVE, KeyState.DESTROYED];
  expect(toKeyQuery({ ...all, states }).states).toEqual([1, 5]);
});

test.each([
  [[KeyType.STANDARD], true],
  [[KeyType.ROOT], false],
  [[KeyType.ROOT, KeyType.STANDARD], undefined],
])("the types %j choose extractable %s", (types, extractable) => {
  expect(toKeyQuery({ ...all, types }).extractable).toBe(extractable);
});

test.each([
  ["id", "id"],
  ["create_time desc", "-creationDate"],
  ["type, last_rotate_time  desc ,id asc", "extractable,-lastRotateDate,id"],
])("the order %j is sorted upstream by %j", (order, sort) => {
  expect(orderBy(order)).toBeUndefined();
  expect(toKeyQuery(all, "", order).sort).toBe(sort);
});

test.each([
  ["name", "UNKNOWN_VALUE"],
  ["id,", "UNKNOWN_VALUE"],
  ["-id", "UNKNOWN_VALUE"],
  ["id down", "UNKNOWN_VALUE"],
  ["id,id desc", "DUPLICATE"],
  ["id,state,type,imported,create_time,update_time", "TOO_MANY"],
])("the order %j is a violation", (order, reason) => {
  expect(orderBy(order)?.map((found) => found.reason)).toEqual([reason]);
});

test("a search may have any text of 1 to 240 characters, or be absent", () => {
  expect(search("")).toBeUndefined();
  expect(search("not:escape:ä & b")).toBeUndefined();
  expect(search("a".repeat(241))?.[0]?.reason).toBe("TOO_LONG");
});

test("all violations of a choice are found at once", () => {
  const violations: FieldViolation[] = [];
  checkKeyChoice(violations, {
    states: [KeyState.UNSPECIFIED, unknownValue],
    types: [unknownValue],
    filter: "a".repeat(1_001),
  });
  expect(violations.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
    "states[0] REQUIRED",
    "states[1] UNKNOWN_VALUE",
    "types[0] UNKNOWN_VALUE",
    "filter TOO_LONG",
  ]);
});

test("different queries have different keys", () => {
  const queries = [
    toKeyQuery({ ...all, filter: "a" }),
    toKeyQuery(all, "a"),
    toKeyQuery(all, "", "id"),
    toKeyQuery({ ...all, states: [KeyState.ACTIVE] }),
    toKeyQuery({ ...all, types: [KeyType.ROOT] }),
  ];
  expect(new Set(queries.flatMap(keyQueryKey)).size).toBe(queries.length);
});
