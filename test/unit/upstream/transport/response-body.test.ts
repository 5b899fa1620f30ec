/** Bodies of responses that arrive in pieces. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ResponseBody } from "../../../../src/upstream/transport/response-body.ts";

const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 8 });

const sizeOf = (given: readonly Uint8Array[]): number =>
  given.reduce((sum, { length }) => sum + length, 0);

/** A body that has got copies of all pieces, and the copies. */
function bodyOf(given: readonly Uint8Array[], announced: number | undefined) {
  const body = new ResponseBody();
  const copies = given.map((piece) => Buffer.from(piece));
  for (const copy of copies) body.add(copy, announced);
  return { body, copies };
}

describe.each([
  ["was announced", sizeOf],
  ["was not announced", () => undefined],
])("a body whose length %s", (_, announcedOf) => {
  test("the body is all pieces in their order, however it was cut", () => {
    fc.assert(
      fc.property(pieces, (given) => {
        const { body } = bodyOf(given, announcedOf(given));
        expect(body.length).toBe(sizeOf(given));
        expect(body.join().equals(Buffer.concat(given))).toBe(true);
      }),
    );
  });

  test("no piece keeps its bytes once several pieces are joined", () => {
    fc.assert(
      fc.property(pieces, (given) => {
        const { body, copies } = bodyOf(given, announcedOf(given));
        body.join();
        if (copies.length > 1) expect(copies.every((copy) => isZero(copy))).toBe(true);
      }),
    );
  });

  test("no bytes of a body that was given up are left", () => {
    fc.assert(
      fc.property(pieces, (given) => {
        const { body, copies } = bodyOf(given, announcedOf(given));
        body.zeroize();
        expect(copies.every((copy) => isZero(copy))).toBe(true);
        expect(body.join()).toHaveLength(0);
      }),
    );
  });
});

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

test("a body of one piece is that piece and no copy", () => {
  const piece = Buffer.from("whole");
  const body = new ResponseBody();
  body.add(piece, piece.length);
  expect(body.join()).toBe(piece);
});

test("the place of a body that was given up is zeroed", () => {
  const { body } = bodyOf([Buffer.from("ab"), Buffer.from("c")], 10);
  const place = body.join();
  expect(place.toString()).toBe("abc");
  body.zeroize();
  expect(isZero(place)).toBe(true);
});

test("a body that ends before its announced length has only what arrived", () => {
  const { body } = bodyOf([Buffer.from("half")], 1_000);
  expect(body.join().toString()).toBe("half");
});

test("more bytes than announced are an error", () => {
  const { body } = bodyOf([Buffer.from("ab")], 3);
  expect(() => body.add(Buffer.from("cd"), 3)).toThrow(RangeError);
});
