import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  printJsonMembers,
  readJsonMembers,
  withJsonMembers,
} from "../../../src/migrate/lines/json-members.ts";

test("values keep their text: long numbers, exponents, escapes, and the order of members", () => {
  const text = String.raw`{"10":1e400,"2":-0.0,"a\"b":"é\\","c":{"d":[1,{"e":"}"}]},"":null}`;
  const members = readJsonMembers(text) ?? [];
  expect(printJsonMembers(members)).toBe(text);
  expect(members.map(({ name }) => name)).toEqual(["10", "2", 'a"b', "c", ""]);
});

test("printing the members of any object, with any spaces, gives the same object again", () => {
  const object = fc.dictionary(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 6 },
  );
  fc.assert(
    fc.property(object, fc.constantFrom(0, 1, "\t", "\r\n "), (value, space) => {
      const members = readJsonMembers(JSON.stringify(value, null, space)) ?? [];
      expect(JSON.parse(printJsonMembers(members))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(members.map(({ name }) => name)).toEqual(Object.keys(value));
    }),
    { numRuns: 60 },
  );
});

test("a text that is not one JSON object has no members", () => {
  for (const text of [
    "",
    "[]",
    "null",
    '"a"',
    "{",
    '{"a":1}{',
    '{"a":1,}',
    "{'a':1}",
    "\uFEFF{}",
  ]) {
    expect(readJsonMembers(text)).toBeUndefined();
  }
  expect(readJsonMembers(" { } ")).toEqual([]);
});

test("a member named __proto__ stays a member", () => {
  const members = readJsonMembers('{"__proto__":{"a":1},"constructor":2}') ?? [];
  expect(printJsonMembers(withJsonMembers(members, { ciphertext: "x" }))).toBe(
    '{"__proto__":{"a":1},"constructor":2,"ciphertext":"x"}',
  );
});

test("new values take the place of old ones, are appended, or remove a member", () => {
  const members = readJsonMembers('{"a":1,"b":2,"c":3}') ?? [];
  const changed = withJsonMembers(members, { b: "two", c: undefined, d: null, e: undefined });
  expect(printJsonMembers(changed)).toBe('{"a":1,"b":"two","d":null}');
});
