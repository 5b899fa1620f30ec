import { expect, test } from "vitest";
import { zeroize } from "../../../../src/grpc/call/zeroize.ts";
import { createKeyRequest } from "../../../support/unary-server.ts";

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

test("bytes fields become zero and other fields stay", () => {
  const message = {
    keyId: "id",
    plaintext: Buffer.from("secret"),
    createTime: new Date(0),
    count: 3n,
    key: undefined,
    tags: ["a", "b"],
  };
  zeroize(message);
  expect(message).toEqual({
    keyId: "id",
    plaintext: Buffer.alloc(6),
    createTime: new Date(0),
    count: 3n,
    key: undefined,
    tags: ["a", "b"],
  });
});

test("bytes of a oneof, of a message in a oneof and of messages in lists become zero", () => {
  const direct = createKeyRequest(Buffer.from("material"));
  const nested = {
    material: {
      $case: "encryptedKeyMaterial",
      value: { ciphertext: Buffer.from("a"), importToken: Buffer.from("b"), algorithm: 1 },
    },
  };
  const list = { parts: [{ bytes: Buffer.from("c") }, { bytes: Buffer.from("d") }] };
  const repeated = { parts: [Buffer.from("e"), Buffer.from("f")] };
  for (const message of [direct, nested, list, repeated]) zeroize(message);
  expect(direct.material?.$case === "keyMaterial" && isZero(direct.material.value)).toBe(true);
  expect(isZero(nested.material.value.ciphertext)).toBe(true);
  expect(isZero(nested.material.value.importToken)).toBe(true);
  expect(list.parts.every(({ bytes }) => isZero(bytes))).toBe(true);
  expect(repeated.parts.every(isZero)).toBe(true);
});

test("a view of a larger allocation is zeroed only in its own range", () => {
  const pool = Buffer.alloc(32, 0x7a);
  zeroize({ plaintext: pool.subarray(8, 16) });
  expect(pool.toString("latin1")).toBe(`${"z".repeat(8)}${"\0".repeat(8)}${"z".repeat(16)}`);
});

test("neighbours in Node's buffer pool are not changed", () => {
  const before = Buffer.from("before");
  const between = Buffer.from("between");
  const after = Buffer.from("after");
  expect(between.buffer).toBe(after.buffer);
  zeroize({ between });
  expect([before, between, after].map(String)).toEqual(["before", "\0".repeat(7), "after"]);
});

test.each([undefined, null, 7, "text", [], {}, Buffer.alloc(0)])(
  "zeroize accepts %j",
  (message) => {
    expect(() => zeroize(message)).not.toThrow();
  },
);
