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
const position = fc.record({
  offset: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  anchor: fc.uuid(),
});

/** The reason why a token is refused; fails the test if it is not. */
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
  test("says what was put into it", () => {
    fc.assert(
      fc.property(position, fc.array(fc.string()), (at, of) => {
        expect(fromPageToken(toPageToken(at, of), of)).toEqual(at);
      }),
    );
  });

  test("holds any ID, or as much of it as fits", () => {
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
      }),
    );
  });

  test("is made of characters that need no escaping anywhere", () => {
    fc.assert(
      fc.property(position, (at) => {
        expect(toPageToken(at, list)).toMatch(/^[A-Za-z0-9_-]{1,110}$/);
      }),
    );
  });

  test("is refused with any one character changed", () => {
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

  test("is refused shortened, prolonged or doubled", () => {
    const token = toPageToken({ offset: 7, anchor: "id" }, list);
    for (let end = 0; end < token.length; end += 1) refusal(token.slice(0, end));
    for (const more of ["A", "=", "==", "\n", token]) refusal(token + more);
    refusal(` ${token}`);
  });

  test("is refused by every other list", () => {
    fc.assert(
      fc.property(position, fc.array(fc.string()), fc.array(fc.string()), (at, made, used) => {
        fc.pre(JSON.stringify(made) !== JSON.stringify(used));
        refusal(toPageToken(at, made), used);
      }),
    );
  });

  test("is refused if it is of another version, although intact", () => {
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

  test("tells lists apart whose parts read the same when joined", () => {
    const token = toPageToken({ offset: 1, anchor: "id" }, ["ab", "c"]);
    refusal(token, ["a", "bc"]);
    refusal(token, ["abc"]);
  });
});

test("no text that was not made as a token is taken for one", () => {
  fc.assert(fc.property(fc.string({ unit: "binary-ascii" }), (text) => void refusal(text)));
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 120 }),
      (text) => void refusal(text),
    ),
  );
  refusal("A".repeat(1_000_000));
});

test("the refusal names the field and says what to do", () => {
  const error = refusal("s3cr3t");
  expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"]);
  expect(error.details.violations?.map(({ field }) => field)).toEqual(["page_token"]);
  expect(error.message).toContain("next_page_token");
  expect(JSON.stringify([error.message, error.details])).not.toContain("s3cr3t");
});
