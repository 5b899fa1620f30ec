import { createHash } from "node:crypto";
import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import {
  anchorOf,
  fromPageToken,
  toPageToken,
  type ListPosition,
} from "../../../../src/service/keys/page-token.ts";

const list = ["default", "keys"];
const alphabet = Array.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .é",
);
const position = fc.record(
  {
    offset: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    anchor: fc.uuid(),
    successor: fc.uuid(),
  },
  { requiredKeys: ["offset", "anchor"] },
);

/** The error of a rejected token. Fails the test if the token is accepted. */
function refusal(token: string, of: readonly string[] = list): StatusError {
  try {
    fromPageToken(token, of);
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  return expect.fail("the token was taken");
}

describe("a token", () => {
  test("a page token returns the position that it was made of", () => {
    fc.assert(
      fc.property(position, fc.array(fc.string()), (at, of) => {
        expect(fromPageToken(toPageToken(at, of), of)).toEqual(at);
      }),
    );
  });

  test("a page token holds any ID, or as much of it as fits", () => {
    const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 90, size: "max" });
    fc.assert(
      fc.property(id, (from) => {
        const anchor = anchorOf(from);
        expect(from.startsWith(anchor)).toBe(true);
        expect(Buffer.byteLength(anchor)).toBeLessThanOrEqual(64);
        expect(anchorOf(anchor)).toBe(anchor);
        if (Buffer.byteLength(from) <= 64) expect(anchor).toBe(from);
        const at: ListPosition = { offset: 1, anchor };
        expect(fromPageToken(toPageToken(at, list), list)).toEqual(at);
        const both: ListPosition = { offset: 1, anchor, successor: anchor };
        expect(fromPageToken(toPageToken(both, list), list)).toEqual(both);
      }),
    );
  });

  test("a page token consists of characters that need no escaping", () => {
    fc.assert(
      fc.property(position, (at) => {
        expect(toPageToken(at, list)).toMatch(/^[A-Za-z0-9_-]{1,140}$/);
      }),
    );
  });

  test("a page token with any one character changed is rejected", () => {
    fc.assert(
      fc.property(position, fc.nat(), fc.nat(), (at, where, what) => {
        const token = toPageToken(at, list);
        const index = where % token.length;
        const others = alphabet.filter((char) => char !== token[index]);
        const other = others[what % others.length] ?? "A";
        refusal(token.slice(0, index) + other + token.slice(index + 1));
      }),
      { numRuns: 500 },
    );
  });

  test("a page token that is shortened, lengthened or doubled is rejected", () => {
    const token = toPageToken({ offset: 7, anchor: "id" }, list);
    for (let end = 0; end < token.length; end += 1) refusal(token.slice(0, end));
    for (const more of ["A", "=", "==", "\n", token]) refusal(token + more);
    refusal(` ${token}`);
  });

  test("a page token of another list is rejected", () => {
    fc.assert(
      fc.property(position, fc.array(fc.string()), fc.array(fc.string()), (at, made, used) => {
        fc.pre(JSON.stringify(made) !== JSON.stringify(used));
        refusal(toPageToken(at, made), used);
      }),
    );
  });

  test("an intact page token of another version is rejected", () => {
    const token = Buffer.from(toPageToken({ offset: 1, anchor: "id" }, list), "base64url");
    const sign = (version: number): string => {
      const content = Buffer.from(token.subarray(0, -4));
      content.writeUInt8(version, 0);
      const checksum = createHash("sha256").update(content).digest().subarray(0, 4);
      return Buffer.concat([content, checksum]).toString("base64url");
    };
    expect(fromPageToken(sign(1), list)).toEqual({ offset: 1, anchor: "id" });
    for (const version of [0, 2, 255]) refusal(sign(version));
  });

  test("a page token distinguishes lists whose joined parts are equal", () => {
    const token = toPageToken({ offset: 1, anchor: "id" }, ["ab", "c"]);
    refusal(token, ["a", "bc"]);
    refusal(token, ["abc"]);
  });
});

test("a text that is not a page token is rejected", () => {
  fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (text) => void refusal(text)));
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 120 }),
      (text) => void refusal(text),
    ),
  );
  refusal("A".repeat(1_000_000));
});

test("the error of a page token names the field and the remedy", () => {
  const error = refusal("s3cr3t");
  expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"]);
  expect(error.details.violations?.map(({ field }) => field)).toEqual(["page_token"]);
  expect(error.message).toContain("next_page_token");
  expect(JSON.stringify([error.message, error.details])).not.toContain("s3cr3t");
});
