import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { createKeysHandlers } from "../../../../src/service/keys/handlers.ts";
import { toPageToken } from "../../../../src/service/keys/page-token.ts";
import { listKeysRequest } from "../../../support/requests.ts";
import { callContext } from "../../../support/call-context.ts";
import {
  failure,
  fakeKeyProtect,
  keyResource,
  violationsOf,
  type Fake,
} from "../fake-key-protect.ts";

const idOf = (index: number): string =>
  `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
const context = callContext("ListKeys");

/** An instance with keys of consecutive IDs. */
const withKeys = (total: number): Fake =>
  fakeKeyProtect({
    listKeys: async (_call, { limit, offset }) => ({
      keys: Array.from({ length: Math.max(0, Math.min(limit, total - offset)) }, (_, index) =>
        keyResource({ id: idOf(offset + index), state: 9 }),
      ),
      isLast: offset + limit >= total,
      total,
      isIncomplete: false,
    }),
  });

test.each([
  [0, 201],
  [1, 2],
  [1_000, 1_001],
  [1_001, 1_001],
  [2 ** 31 - 1, 1_001],
])("ListKeys with page size %i asks for %i keys", async (pageSize, limit) => {
  const fake = withKeys(0);
  const answer = await createKeysHandlers(fake.deps).listKeys(
    listKeysRequest({ pageSize }),
    context,
  );
  expect(answer).toEqual({
    keys: [],
    nextPageToken: "",
    totalSize: undefined,
    incomplete: false,
  });
  expect(fake.calls).toEqual([["listKeys", { limit, offset: 0, query: { states: [] } }]]);
});

test("page tokens lead from page to page to the end of the list", async () => {
  const fake = withKeys(450);
  const handlers = createKeysHandlers(fake.deps);
  const listed: string[] = [];
  const sizes: number[] = [];
  let pageToken = "";
  do {
    const page = await handlers.listKeys(listKeysRequest({ pageToken }), context);
    listed.push(...page.keys.map(({ id }) => id));
    sizes.push(page.keys.length);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(sizes).toEqual([200, 200, 50]);
  expect(listed).toEqual(Array.from({ length: 450 }, (_, index) => idOf(index)));
});

test("ListKeys returns keys in an unknown state", async () => {
  const fake = withKeys(3);
  const page = await createKeysHandlers(fake.deps).listKeys(
    listKeysRequest({ pageSize: 2 }),
    context,
  );
  expect(page.keys).toHaveLength(2);
});

test("skip moves the page by offset, alone and behind a token", async () => {
  const fake = withKeys(20);
  const handlers = createKeysHandlers(fake.deps);
  const first = await handlers.listKeys(listKeysRequest({ pageSize: 2, skip: 5 }), context);
  const { nextPageToken: pageToken } = first;
  const second = await handlers.listKeys(
    listKeysRequest({ pageSize: 2, skip: 3, pageToken }),
    context,
  );
  expect(first.keys.map(({ id }) => id)).toEqual([idOf(5), idOf(6)]);
  expect(second.keys.map(({ id }) => id)).toEqual([idOf(10), idOf(11)]);
});

test("a skip beyond the largest offset ends the list without a request", async () => {
  const fake = withKeys(20);
  const pageToken = toPageToken({ offset: 1, anchor: idOf(0) }, ["default", "keys", ""]);
  const asked = listKeysRequest({ pageToken, skip: 2 ** 31 - 1 });
  const answer = await createKeysHandlers(fake.deps).listKeys(asked, context);
  expect(answer).toEqual({
    keys: [],
    nextPageToken: "",
    totalSize: undefined,
    incomplete: false,
  });
  expect(fake.calls).toEqual([]);
});

describe("is refused", () => {
  test("ListKeys rejects negative numbers", async () => {
    const call = createKeysHandlers(withKeys(0).deps).listKeys(
      listKeysRequest({ pageSize: -1, skip: -1 }),
      context,
    );
    expect(await violationsOf(call)).toEqual(["page_size OUT_OF_RANGE", "skip OUT_OF_RANGE"]);
  });

  test("ListKeys rejects a token of another instance", async () => {
    const { deps } = withKeys(10);
    const handlers = createKeysHandlers(deps);
    const { nextPageToken: pageToken } = await handlers.listKeys(
      listKeysRequest({ pageSize: 1 }),
      context,
    );
    const elsewhere = callContext("ListKeys", { instance: "eu" });
    const error = await failure(handlers.listKeys(listKeysRequest({ pageToken }), elsewhere));
    expect([error.code, error.reason]).toEqual([status.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"]);
  });

  test("ListKeys fails with LIST_CHANGED if the end of the previous page is gone", async () => {
    const fake = withKeys(10);
    const pageToken = toPageToken({ offset: 3, anchor: "gone" }, ["default", "keys", ""]);
    const error = await failure(
      createKeysHandlers(fake.deps).listKeys(listKeysRequest({ pageToken }), context),
    );
    expect([error.code, error.reason]).toEqual([status.ABORTED, "LIST_CHANGED"]);
    expect(fake.calls).toHaveLength(2);
  });
});

test("the keys of a page are released as soon as they are messages", async () => {
  const kept: { readonly length: number }[] = [];
  const fake = fakeKeyProtect({
    listKeys: async () => {
      const keys = [keyResource({ id: idOf(1) }), keyResource({ id: idOf(2) })];
      kept.push(keys);
      return { keys, isLast: true, total: 2, isIncomplete: false };
    },
  });
  const page = await createKeysHandlers(fake.deps).listKeys(listKeysRequest(), context);
  expect(page.keys.map(({ id }) => id)).toEqual([idOf(1), idOf(2)]);
  expect(kept.map(({ length }) => length)).toEqual([0]);
});
