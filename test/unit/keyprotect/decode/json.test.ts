import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64 } from "../../../../src/keyprotect/decode/json.ts";

describe("decodeBase64", () => {
  test("decodeBase64 returns any bytes from their base64", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8_000 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        expect(decodeBase64(buffer.toString("base64"))).toEqual(buffer);
      }),
    );
  });

  test("decodeBase64 returns bytes only for the text that they encode to", () => {
    const characters = fc.constantFrom(...Array.from("ABab01+/-_= \n\u00e9"));
    const text = fc.oneof(
      fc.string({ unit: characters, maxLength: 12 }),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(text, (value) => {
        const bytes = decodeBase64(value);
        if (bytes !== undefined) expect(bytes.toString("base64")).toBe(value);
      }),
    );
  });

  test.each([
    "Y",
    "YQ",
    "YQ=",
    "YR==",
    "YWE",
    "YWF=",
    "Y Q==",
    "YQ==\n",
    "-_-_",
    "YQ==YQ==",
    "====",
  ])("decodeBase64 rejects %j", (text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });

  test("decodeBase64 reads the empty text as no bytes", () => {
    expect(decodeBase64("")).toEqual(Buffer.alloc(0));
  });
});
