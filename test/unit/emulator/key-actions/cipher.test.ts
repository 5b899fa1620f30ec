import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  encodeAad,
  parseWrappedKey,
  unwrap,
  wrap,
} from "../../../../src/emulator/key-actions/cipher.ts";
import type { KeyVersion } from "../../../../src/emulator/keys/record.ts";

const materials = fc.constantFrom(16, 24, 32).map((length) => randomBytes(length));
const versions = materials.map((material): KeyVersion => ({ id: "v", createdAt: 0, material }));
const aads = fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 });
const plaintexts = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));

function open(ciphertext: string, version: KeyVersion, aad: readonly string[]): Buffer | undefined {
  const wrapped = parseWrappedKey(Buffer.from(ciphertext, "base64"));
  if (wrapped === undefined) throw new Error("a ciphertext that was just made parses");
  return unwrap([version], wrapped, aad)?.plaintext;
}

test("an unwrap with the same key and AAD returns the wrapped plaintext", () => {
  fc.assert(
    fc.property(versions, plaintexts, aads, (version, plaintext, aad) => {
      expect(open(wrap(version, plaintext, aad), version, aad)?.equals(plaintext)).toBe(true);
    }),
  );
});

test("an unwrap with another AAD or another key returns nothing", () => {
  fc.assert(
    fc.property(
      versions,
      versions,
      plaintexts,
      aads,
      aads,
      (version, other, plaintext, aad, otherAad) => {
        fc.pre(JSON.stringify(aad) !== JSON.stringify(otherAad));
        const ciphertext = wrap(version, plaintext, aad);
        expect(open(ciphertext, version, otherAad)).toBeUndefined();
        if (!other.material.equals(version.material)) {
          expect(open(ciphertext, other, aad)).toBeUndefined();
        }
      },
    ),
  );
});

test("different lists of AAD strings have different encodings", () => {
  expect(encodeAad(["a", "b"])).not.toEqual(encodeAad(["ab"]));
  expect(encodeAad(["a", ""])).not.toEqual(encodeAad(["a"]));
  fc.assert(
    fc.property(aads, aads, (left, right) => {
      const isSame = JSON.stringify(left) === JSON.stringify(right);
      expect(encodeAad(left).equals(encodeAad(right))).toBe(isSame);
    }),
  );
});

test("an unwrap detects a changed byte anywhere in the sealed part", () => {
  const version: KeyVersion = { id: "v", createdAt: 0, material: randomBytes(32) };
  fc.assert(
    fc.property(plaintexts, fc.nat(), fc.integer({ min: 1, max: 255 }), (plaintext, at, change) => {
      const wrapped = parseWrappedKey(Buffer.from(wrap(version, plaintext, []), "base64"));
      if (wrapped === undefined) throw new Error("a ciphertext that was just made parses");
      const sealed = Buffer.from(wrapped.sealed);
      const index = at % sealed.length;
      sealed[index] = (sealed[index] ?? 0) ^ change;
      expect(unwrap([version], { ...wrapped, sealed }, [])).toBeUndefined();
    }),
  );
});

test("the ciphertext contains the compact JSON of real ciphertexts", () => {
  const version: KeyVersion = { id: "the-version", createdAt: 0, material: randomBytes(32) };
  const text = Buffer.from(wrap(version, Buffer.alloc(28), []), "base64").toString("utf8");
  expect(text).toMatch(
    /^\{"ciphertext":"[A-Za-z0-9+/=]+","iv":"[A-Za-z0-9+/]{16}","version":"4\.0\.0","handle":"the-version"\}$/,
  );
});

test.each(["", "{}", "[]", "not json", '{"ciphertext":1}', "null"])(
  "the text %j does not parse as a ciphertext",
  (text) => {
    expect(parseWrappedKey(Buffer.from(text))).toBeUndefined();
  },
);
