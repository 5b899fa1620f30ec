/** Responses with long lists, which are encoded in pieces. */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { Key } from "../../../../src/gen/keyprotect/v1/key.ts";
import { toKeyOfId } from "../../../../src/service/keys/key-message.ts";
import { eventually } from "../../../support/eventually.ts";
import { listKeysRequest } from "../../../support/requests.ts";
import { callRpc, keys, startUnaryServer } from "../../../support/unary-server.ts";

const keyAt = (at: number): Key => {
  const key = toKeyOfId(`00000000-0000-4000-8000-${String(at).padStart(12, "0")}`);
  if (key === undefined) throw new Error("the ID is a UUID");
  return key;
};

const pageOf = (list: Key[]) => ({
  keys: list,
  nextPageToken: "next",
  totalSize: undefined,
  incomplete: false,
});

test("a long list reaches the caller whole, and the response is emptied then", async () => {
  const list = Array.from({ length: 300 }, (_, at) => keyAt(at));
  const expected = [...list];
  await using server = await startUnaryServer({ listKeys: async () => pageOf(list) });
  const seen = await callRpc(server.client, keys.listKeys, listKeysRequest());
  expect(seen.response).toEqual(pageOf(expected));
  expect(list).toEqual([]);
});

test("a long list that cannot be encoded fails its call, and is emptied too", async () => {
  const list = Array.from({ length: 300 }, (_, at) => keyAt(at));
  list[299] = { ...keyAt(299), nonactiveStateReason: 2 ** 40 };
  await using server = await startUnaryServer({ listKeys: async () => pageOf(list) });
  const seen = await callRpc(server.client, keys.listKeys, listKeysRequest());
  expect(seen.code).toBe(status.INTERNAL);
  await eventually(() => server.outcomes.length === 1);
  expect(list).toEqual([]);
});
