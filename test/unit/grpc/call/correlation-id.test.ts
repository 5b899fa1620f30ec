import { Metadata } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { correlationIdOf } from "../../../../src/grpc/call/correlation-id.ts";

const fresh = "00000000-0000-4000-8000-000000000000";
const createId = (): string => fresh;
const kept = "11111111-2222-4333-8444-555555555555";

function metadataOf(entries: readonly (readonly [string, string])[]): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of entries) metadata.add(key, value);
  return metadata;
}

test.each<[string, (readonly [string, string])[], string]>([
  ["a call without metadata gets a new correlation ID", [], fresh],
  ["a UUID in x-correlation-id is kept", [["x-correlation-id", kept]], kept],
  ["correlation-id is kept", [["correlation-id", kept]], kept],
  [
    "x-correlation-id has precedence over correlation-id",
    [
      ["correlation-id", fresh],
      ["x-correlation-id", kept],
    ],
    kept,
  ],
  [
    "an x-correlation-id that is not a UUID is skipped for correlation-id",
    [
      ["x-correlation-id", "order-17"],
      ["correlation-id", kept],
    ],
    kept,
  ],
  [
    "the spelling of a UUID is kept",
    [["x-correlation-id", "ABCDEFAB-CDEF-1BCD-EFAB-CDEFABCDEFAB"]],
    "ABCDEFAB-CDEF-1BCD-EFAB-CDEFABCDEFAB",
  ],
  ["a UUID in braces is replaced", [["x-correlation-id", `{${kept}}`]], fresh],
  ["a UUID among other text is replaced", [["x-correlation-id", `${kept} or 1=1`]], fresh],
  ["an empty value is replaced", [["x-correlation-id", ""]], fresh],
])("%s", (_, entries, expected) => {
  expect(correlationIdOf(metadataOf(entries), createId)).toBe(expected);
});

test("the correlation ID is a UUID for any metadata", () => {
  const value = fc.oneof(
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
    fc.stringMatching(/^[ -~]{0,60}$/),
  );
  fc.assert(
    fc.property(value, (sent) => {
      const id = correlationIdOf(metadataOf([["x-correlation-id", sent]]), createId);
      expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
      expect([sent, fresh]).toContain(id);
    }),
  );
});
