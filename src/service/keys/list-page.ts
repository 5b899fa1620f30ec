/**
 * Pages of a list that the upstream addresses by offset, while other callers insert and delete
 * items.
 *
 * Guarantee, if the upstream answers each read from one state of the list and keeps the relative
 * order of its items: following `next` from the first page to the last, without `skip`, returns
 * every item that existed all the time exactly once, and no item twice; or it ends with `ABORTED` /
 * `LIST_CHANGED`. An item that is inserted or deleted meanwhile may be returned or not.
 *
 * Method: every page is cut out of one read, directly behind the last item of the previous page.
 * The read has to contain that item, at any offset. If it does not, the list cannot be continued
 * without guessing.
 */
import { listChanged } from "../errors/state-failures.ts";
import { anchorOf, type ListPosition } from "./page-token.ts";

/** Reads at most `limit` items, starting at `offset`. */
export type ReadItems<T> = (page: { limit: number; offset: number }) => Promise<readonly T[]>;

/** One page of a list. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Where the next page starts; `undefined` on the last page. */
  readonly next: ListPosition | undefined;
}

/** The page to read. */
export interface PageRequest {
  /** Items per page, 1 to `maxPageSize`. A page may hold fewer although more follow. */
  readonly pageSize: number;
  /** End of the previous page; `undefined` for the first page. */
  readonly position: ListPosition | undefined;
  /** Number of items to skip, by offset: insertions and deletions meanwhile go unnoticed. */
  readonly skip: number;
}

/** Page size of a request without one. */
export const defaultPageSize = 200;
/** Largest page size. A request for more gets this. */
export const maxPageSize = 1_000;

/**
 * The second search for the end of the previous page: as many items as the largest read, half of
 * them before the offset.
 */
const wideLimit = maxPageSize + 2;
const wideReach = wideLimit / 2;

/**
 * Cuts a page out of a read, starting at its item `from`; `undefined` if the read ends too early to
 * tell whether there is a page.
 */
function cut<T extends { readonly id: string }>(
  read: readonly T[],
  window: { limit: number; offset: number },
  from: number,
  pageSize: number,
): ListPage<T> | undefined {
  // A read with fewer items than its limit has reached the end of the list. The last item of a full
  // read only shows that another page follows.
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

/**
 * Reads one page. Rejects with `LIST_CHANGED` if the end of the previous page is not found near its
 * place.
 */
export async function listPage<T extends { readonly id: string }>(
  read: ReadItems<T>,
  request: PageRequest,
): Promise<ListPage<T>> {
  const { pageSize, position, skip } = request;
  if (position === undefined || skip > 0) {
    // One item more than the page holds shows whether another page follows.
    const window = { limit: pageSize + 1, offset: (position?.offset ?? 0) + skip };
    return cut(await read(window), window, 0, pageSize) ?? { items: [], next: undefined };
  }
  const before = Math.max(0, position.offset - 1);
  const windows = [
    { limit: pageSize + 2, offset: before },
    { limit: wideLimit, offset: Math.max(0, before - wideReach) },
  ];
  for (const window of windows) {
    // Each page comes from one read. The second read is made only if the first gave no page.
    // oxlint-disable-next-line no-await-in-loop -- the second read depends on the first
    const items = await read(window);
    const end = items.findIndex((item) => anchorOf(item.id) === position.anchor);
    const page = end === -1 ? undefined : cut(items, window, end + 1, pageSize);
    if (page !== undefined) return page;
  }
  throw listChanged();
}
