import { describe, expect, test } from "vitest";
import { ListKeysResponse } from "../../../../src/gen/keyprotect/v1/keys_service.ts";
import {
  EncodedMessage,
  encodeInPieces,
  longListOf,
} from "../../../../src/platform/pieces/encode-in-pieces.ts";
import { zeroize } from "../../../../src/grpc/call/zeroize.ts";
import { toKey } from "../../../../src/service/keys/key-message.ts";
import { decodeKey } from "../../../../src/keyprotect/decode/key.ts";

const keyOf = (at: number) =>
  toKey(
    decodeKey(
      { id: `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`, name: `key ${at}` },
      { isMaterialWanted: false, onAnomaly: () => {} },
    ),
  );

const pageOf = (size: number): ListKeysResponse => ({
  keys: Array.from({ length: size }, (_, at) => keyOf(at)),
  nextPageToken: "next",
  totalSize: 0,
  incomplete: true,
});

const encode = (message: ListKeysResponse): Buffer =>
  Buffer.from(ListKeysResponse.encode(message).finish());
const blank = ListKeysResponse.decode(new Uint8Array());

describe("a message that is encoded in pieces", () => {
  test.each([129, 256, 257, 1_000])(
    "%d entries give the bytes of the whole message",
    async (size) => {
      const page = pageOf(size);
      const list = longListOf(page);
      if (list === undefined) throw new Error("the list is long");
      let turns = 0;
      const turn = async () => void (turns += 1);
      const bytes = await encodeInPieces(page, list, { blank, encode, turn });
      expect(bytes.equals(encode(page))).toBe(true);
      expect(turns).toBe(Math.ceil(size / 128));
    },
  );

  test("a message whose lists are short is encoded at once", () => {
    expect(longListOf(pageOf(128))).toBeUndefined();
    expect(longListOf({ keys: [], name: "a name" })).toBeUndefined();
    expect(longListOf(undefined)).toBeUndefined();
  });

  test("an error of a later piece, or the end of the call, is passed on", async () => {
    const page = pageOf(300);
    const list = longListOf(page);
    if (list === undefined) throw new Error("the list is long");
    let turns = 0;
    const turn = async (): Promise<void> => {
      turns += 1;
      if (turns === 2) throw new Error("the call has ended");
    };
    await expect(encodeInPieces(page, list, { blank, encode, turn })).rejects.toThrow(
      "the call has ended",
    );
    expect(turns).toBe(2);
  });

  test("zeroing the response leaves its encoding as it is", () => {
    const encoded = new EncodedMessage(Buffer.from("bytes"));
    zeroize(encoded);
    expect(encoded.bytes.toString()).toBe("bytes");
  });
});
