import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import {
  listPage,
  maxPageSize,
  type ReadItems,
  type ReadPage,
} from "../../../../src/service/keys/list-page.ts";
import type { ListPosition } from "../../../../src/service/keys/page-token.ts";
import { failure } from "../fake-key-protect.ts";

interface Item {
  readonly id: string;
}

const idOf = (number: number): string => String(number).padStart(6, "0");
const items = (from: number, to: number, step = 1): string[] =>
  Array.from({ length: Math.ceil((to - from) / step) }, (_, index) => idOf(from + index * step));

/** How an upstream, or a proxy before it, answers with less than it was asked for. */
interface Habits {
  /** The most items of a response. Default: no limit. */
  readonly cap?: number;
  /** Whether responses show whether the list ends with them. Default `true`. */
  readonly tellsEnd?: boolean;
}

/** A collection ordered by ID, as the upstream keeps it. */
function collection(initial: readonly string[], { cap = Infinity, tellsEnd = true }: Habits = {}) {
  let ids = initial.toSorted();
  const windows: { limit: number; offset: number }[] = [];
  return {
    windows,
    has: (id: string) => ids.includes(id),
    ids: () => ids,
    insert: (...added: string[]) => {
      ids = [...new Set([...ids, ...added])].toSorted();
    },
    remove: (...removed: string[]) => {
      ids = ids.filter((id) => !removed.includes(id));
    },
    read: async (window: { limit: number; offset: number }): Promise<ReadPage<Item>> => {
      windows.push(window);
      const end = window.offset + Math.min(window.limit, cap);
      const page = ids.slice(window.offset, end).map((id) => ({ id }));
      return { items: page, isLast: tellsEnd ? end >= ids.length : undefined };
    },
  };
}

const idsOf = (page: { items: readonly Item[] }): string[] => page.items.map(({ id }) => id);
const at = (pageSize: number, position?: ListPosition, skip = 0) => ({ pageSize, position, skip });

describe("a list that stands still", () => {
  test("an unchanged list is returned whole, in order, in full pages of one read each", async () => {
    const sizes = fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 12 }));
    await fc.assert(
      fc.asyncProperty(sizes, async ([total, pageSize]) => {
        const model = collection(items(0, total));
        const pages: string[][] = [];
        let position: ListPosition | undefined;
        do {
          const page = await listPage(model.read, at(pageSize, position));
          pages.push(idsOf(page));
          position = page.next;
        } while (position !== undefined);
        expect(pages.flat()).toEqual(items(0, total));
        expect(pages).toHaveLength(Math.max(1, Math.ceil(total / pageSize)));
        expect(model.windows).toHaveLength(pages.length);
      }),
    );
  });

  test("a page is read with one item before and one item behind it", async () => {
    const model = collection(items(0, 10));
    const first = await listPage(model.read, at(4));
    await listPage(model.read, at(4, first.next));
    expect(first.next).toEqual({ offset: 4, anchor: idOf(3), successor: idOf(4) });
    expect(model.windows).toEqual([
      { limit: 5, offset: 0 },
      { limit: 6, offset: 3 },
    ]);
  });

  test("the page size may change between pages", async () => {
    const model = collection(items(0, 10));
    const first = await listPage(model.read, at(2));
    const second = await listPage(model.read, at(5, first.next));
    expect(idsOf(second)).toEqual(items(2, 7));
  });

  test("skip moves by offset, from the start or from a page", async () => {
    const model = collection(items(0, 10));
    const first = await listPage(model.read, at(2, undefined, 3));
    expect(idsOf(first)).toEqual(items(3, 5));
    const second = await listPage(model.read, at(2, first.next, 2));
    expect(idsOf(second)).toEqual(items(7, 9));
    const third = await listPage(model.read, at(2, second.next));
    expect([idsOf(third), third.next]).toEqual([items(9, 10), undefined]);
    const beyond = await listPage(model.read, at(2, first.next, 20));
    expect(beyond).toEqual({ items: [], next: undefined });
  });
});

/** Reads a first page, changes the list, and reads the next page. */
async function after(
  change: (model: ReturnType<typeof collection>) => void,
  { pageSize = 10, skip = 0, total = 3_000 } = {},
) {
  const model = collection(items(100_000, 100_000 + total));
  const first = await listPage(model.read, at(pageSize, undefined, skip));
  change(model);
  model.windows.length = 0;
  const next = listPage(model.read, at(pageSize, first.next));
  return { first, next, model };
}

describe("a list that changes between pages", () => {
  test("a list with a few insertions before the page continues without a second read", async () => {
    const { next, model } = await after((list) => list.insert(...items(0, 5)));
    const page = await next;
    // The read holds five items behind the end of the previous page, and one that shows that more
    // follow.
    expect(idsOf(page)).toEqual(items(100_010, 100_015));
    expect(page.next).toEqual({
      offset: 20,
      anchor: idOf(100_014),
      successor: idOf(100_015),
    });
    expect(model.windows).toHaveLength(1);
  });

  test.each([11, 12, 600])(
    "a list with %i insertions before the page continues with a second read",
    async (count) => {
      const { next, model } = await after((list) => list.insert(...items(0, count)));
      expect(idsOf(await next)).toEqual(items(100_010, 100_020));
      expect(model.windows).toHaveLength(2);
    },
  );

  test.each([
    [1, 1],
    [400, 2],
  ])("a list with %i deletions before the page continues, with %i reads", async (count, reads) => {
    const { next, model } = await after((list) => list.remove(...items(100_000, 100_000 + count)), {
      skip: 1_000,
    });
    expect(idsOf(await next)).toEqual(items(101_010, 101_020));
    expect(model.windows).toHaveLength(reads);
  });

  test.each<[string, (list: ReturnType<typeof collection>) => void]>([
    ["too many items were inserted before the page", (list) => list.insert(...items(0, 2_000))],
    [
      "the end of the previous page is the last item of the second read",
      (list) => list.insert(...items(0, 992)),
    ],
    [
      "the end of the previous page and the item behind it were deleted",
      (list) => list.remove(idOf(100_009), idOf(100_010)),
    ],
    ["everything was deleted", (list) => list.remove(...list.ids())],
  ])("a list cannot be continued if %s", async (_name, change) => {
    const { next, model } = await after(change);
    const error = await failure(next);
    expect([error.code, error.reason]).toEqual([status.ABORTED, "LIST_CHANGED"]);
    expect(model.windows).toHaveLength(2);
  });

  test("a list cannot be continued if too many items were deleted before the page", async () => {
    const { next } = await after((list) => list.remove(...items(100_000, 100_900)), {
      skip: 1_000,
    });
    expect((await failure(next)).reason).toBe("LIST_CHANGED");
  });

  test("a list continues if the end of the previous page was deleted", async () => {
    const { next, model } = await after((list) => list.remove(idOf(100_009)));
    expect(idsOf(await next)).toEqual(items(100_010, 100_020));
    expect(model.windows).toHaveLength(1);
  });

  test.each([200, 1_000])(
    "a list of pages of %i continues if the caller deleted the page that it got",
    async (pageSize) => {
      const { first, next } = await after(
        (list) => list.remove(...items(101_000, 101_000 + pageSize)),
        { pageSize, skip: 1_000 },
      );
      expect(idsOf(first)).toEqual(items(101_000, 101_000 + pageSize));
      const from = 101_000 + pageSize;
      expect(idsOf(await next)[0]).toBe(idOf(from));
    },
  );

  test("a list ends with an empty page if all remaining items were deleted", async () => {
    const { first, next } = await after((list) => list.remove(...items(100_010, 100_020)), {
      total: 20,
    });
    expect(first.next).toBeDefined();
    expect(await next).toEqual({ items: [], next: undefined });
  });

  test("a read never asks for more items than the largest page needs", async () => {
    const { next, model } = await after((list) => list.remove(idOf(100_999), idOf(101_000)), {
      pageSize: maxPageSize,
    });
    await failure(next);
    for (const { limit } of model.windows) expect(limit).toBeLessThanOrEqual(maxPageSize + 2);
  });
});

/** Reads a list that stands still to its end, and returns the IDs of each page. */
async function readAll(read: ReadItems<Item>, pageSize: number): Promise<string[][]> {
  const pages: string[][] = [];
  let position: ListPosition | undefined;
  do {
    // oxlint-disable-next-line no-await-in-loop -- each page follows from the one before
    const page = await listPage(read, at(pageSize, position));
    pages.push(idsOf(page));
    position = page.next;
  } while (position !== undefined);
  return pages;
}

/** Reads the same items wherever it starts, and says that more follow. */
const moreThan =
  (all: readonly Item[]): ReadItems<Item> =>
  async () => ({ items: all, isLast: false });

describe("an upstream that sends fewer items than requested", () => {
  test("a list is returned whole, whatever the cap of the upstream is and whether it tells its end", async () => {
    const sizes = fc.record({
      total: fc.nat({ max: 60 }),
      pageSize: fc.integer({ min: 1, max: 12 }),
      cap: fc.integer({ min: 2, max: 15 }),
      tellsEnd: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(sizes, async ({ total, pageSize, ...habits }) => {
        const model = collection(items(0, total), habits);
        const pages = await readAll(model.read, pageSize);
        expect(pages.flat()).toEqual(items(0, total));
      }),
      { numRuns: 500 },
    );
  });

  test("an end that the response does not prove costs one read of two items", async () => {
    const model = collection(items(0, 10), { tellsEnd: false });
    expect(await readAll(model.read, 20)).toEqual([items(0, 10)]);
    expect(model.windows).toEqual([
      { limit: 21, offset: 0 },
      { limit: 2, offset: 9 },
    ]);
  });

  test("an upstream that says that more items follow and gives none is a bad response", async () => {
    await expect(listPage(moreThan([]), at(5))).rejects.toMatchObject({ code: "BAD_RESPONSE" });
    const only = moreThan([{ id: "a" }]);
    const page = await listPage(only, at(5));
    expect([idsOf(page), page.next]).toEqual([["a"], { offset: 1, anchor: "a" }]);
    await expect(listPage(only, at(5, page.next))).rejects.toMatchObject({ code: "BAD_RESPONSE" });
  });

  test("a list that changes during the look behind its end is not taken as ended", async () => {
    const model = collection(items(0, 10), { tellsEnd: false, cap: 8 });
    const read: ReadItems<Item> = async (window) => {
      if (window.limit === 2) model.remove(idOf(0));
      return model.read(window);
    };
    const page = await listPage(read, at(20));
    expect(page.next).toEqual({ offset: 8, anchor: idOf(7) });
    const rest = await listPage(model.read, at(20, page.next));
    expect(idsOf(rest)[0]).toBe(idOf(8));
  });
});

const change = fc.record({
  kind: fc.constantFrom("insert" as const, "remove" as const),
  ids: fc.array(fc.nat({ max: 99 }).map(idOf), { maxLength: 12 }),
});
const script = fc.record({
  initial: fc.uniqueArray(fc.nat({ max: 99 }).map(idOf), { maxLength: 70 }),
  pageSizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
  changes: fc.array(change, { maxLength: 60 }),
});

interface Script {
  readonly initial: readonly string[];
  readonly pageSizes: readonly number[];
  readonly changes: readonly { kind: "insert" | "remove"; ids: readonly string[] }[];
}

/**
 * Reads the whole list with a change before each read. A change may spare the end of the newest
 * page.
 */
async function listThrough({ initial, pageSizes, changes }: Script, isAnchorSpared: boolean) {
  const model = collection(initial);
  const pending = changes.values();
  let always: Set<string> | undefined;
  let anchor: string | undefined;
  const read: ReadItems<Item> = async (window) => {
    const next = pending.next().value;
    if (next?.kind === "insert") model.insert(...next.ids);
    if (next?.kind === "remove") {
      const removed = next.ids.filter((id) => !isAnchorSpared || id !== anchor);
      model.remove(...removed);
      for (const id of removed) always?.delete(id);
    }
    always ??= new Set(model.ids());
    return model.read(window);
  };
  const listed: string[] = [];
  let position: ListPosition | undefined;
  let pages = 0;
  try {
    do {
      const page = await listPage(read, at(pageSizes[pages % pageSizes.length] ?? 1, position));
      for (const id of idsOf(page)) expect(model.has(id)).toBe(true);
      listed.push(...idsOf(page));
      position = page.next;
      anchor = position?.anchor;
      pages += 1;
    } while (position !== undefined);
    return { listed, always: always ?? new Set<string>(), isComplete: true };
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== "LIST_CHANGED") throw error;
    return { listed, always: always ?? new Set<string>(), isComplete: false };
  }
}

describe("a list that changes before every read", () => {
  test("a list that changes before every read omits no lasting item unless it fails with LIST_CHANGED", async () => {
    await fc.assert(
      fc.asyncProperty(script, async (given) => {
        const { listed, always, isComplete } = await listThrough(given, false);
        if (!isComplete) return;
        expect([...always].filter((id) => !listed.includes(id))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("a list that changes before every read returns no item twice or out of order, complete or not", async () => {
    await fc.assert(
      fc.asyncProperty(script, async (given) => {
        const { listed } = await listThrough(given, false);
        expect(listed).toEqual([...new Set(listed)].toSorted());
      }),
      { numRuns: 500 },
    );
  });

  test("a list that changes before every read completes while the end of the newest page stays near", async () => {
    await fc.assert(
      fc.asyncProperty(script, async (given) => {
        const { listed, always, isComplete } = await listThrough(given, true);
        expect(isComplete).toBe(true);
        expect([...always].filter((id) => !listed.includes(id))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
