/**
 * Pages of a list that the upstream knows by offset only, while others insert into it and delete from it.
 *
 * What is guaranteed, provided that the upstream answers each read from one state of the list and keeps the relative
 * order of its items: following `next` from the first page to the last, without `skip`, gives every item that was there
 * all the while exactly once, and no item twice; or it ends in `ABORTED` / `LIST_CHANGED`. An item that comes or goes in
 * the meantime may be given or not.
 *
 * How: every page is cut out of a single read, right behind the item that ended the page before. That item has to be in
 * the read, whatever its offset is by now; if it cannot be found the list cannot be continued without guessing.
 */
import { listChanged } from "../errors/state-failures.ts";
import { anchorOf, type ListPosition } from "./page-token.ts";

/** Reads at most `limit` items from `offset` on. */
export type ReadItems<T> = (page: { limit: number; offset: number }) => Promise<readonly T[]>;

/** One page. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Where the next page starts; `undefined` on the last page. */
  readonly next: ListPosition | undefined;
}

/** Where a page is wanted. */
export interface PageRequest {
  /** Items per page, 1 to `maxPageSize`. A page may hold fewer although more follow. */
  readonly pageSize: number;
  /** Where the page before ended; `undefined` for the first. */
  readonly position: ListPosition | undefined;
  /** How many items to jump over. A jump goes by offset: what others insert or delete is not noticed. */
  readonly skip: number;
}

export const defaultPageSize = 200;
export const maxPageSize = 1_000;

/** The second look for the end of the page before: as many items as the largest read, half of them before the offset. */
const wideLimit = maxPageSize + 2;
const wideReach = wideLimit / 2;

/** Cuts a page out of a read, from its item `from` on; `undefined` if the read ends too early to say anything. */
function cut<T extends { readonly id: string }>(
  read: readonly T[],
  window: { limit: number; offset: number },
  from: number,
  pageSize: number,
): ListPage<T> | undefined {
  // A read that was not filled has seen the end of the list. One that was filled says of its last item only that it exists.
  const mayContinue = read.length >= window.limit;
  const rest = read.length - from;
  const size = Math.min(pageSize, mayContinue ? rest - 1 : rest);
  if (size < 1 && mayContinue) return undefined;
  const items = read.slice(from, from + size);
  const last = items.at(-1);
  const isLastPage = rest <= size || last === undefined;
  return {
    items,
    next: isLastPage
      ? undefined
      : { offset: window.offset + from + size, anchor: anchorOf(last.id) },
  };
}

/** Reads one page. Rejects with `LIST_CHANGED` if the end of the page before is not found near its place. */
export async function listPage<T extends { readonly id: string }>(
  read: ReadItems<T>,
  request: PageRequest,
): Promise<ListPage<T>> {
  const { pageSize, position, skip } = request;
  if (position === undefined || skip > 0) {
    // One item more than the page holds tells whether another page follows.
    const window = { limit: pageSize + 1, offset: (position?.offset ?? 0) + skip };
    return cut(await read(window), window, 0, pageSize) ?? { items: [], next: undefined };
  }
  const before = Math.max(0, position.offset - 1);
  const windows = [
    { limit: pageSize + 2, offset: before },
    { limit: wideLimit, offset: Math.max(0, before - wideReach) },
  ];
  for (const window of windows) {
    // The second read is only made if the first did not do; each page comes from one read alone.
    // oxlint-disable-next-line no-await-in-loop -- whether there is a second depends on the first
    const items = await read(window);
    const end = items.findIndex((item) => anchorOf(item.id) === position.anchor);
    const page = end === -1 ? undefined : cut(items, window, end + 1, pageSize);
    if (page !== undefined) return page;
  }
  throw listChanged();
}
