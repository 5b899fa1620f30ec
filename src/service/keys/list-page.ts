/**
 * Pages of a list that the upstream addresses by offset, while other callers insert and delete
 * items.
 *
 * Guarantee, if the upstream answers each read from one state of the list and keeps the relative
 * order of its items: following `next` from the first page to the last, without `skip`, returns
 * every item that existed all the time exactly once, and no item twice; or it ends with an error
 * (`ABORTED` / `LIST_CHANGED`). An item that is inserted or deleted meanwhile may be returned or
 * not.
 *
 * Method: every page is cut out of one read, directly behind the last item of the previous page or,
 * if that was deleted, from the item that followed it. The read has to contain one of the two, at
 * any offset. If it does not, the list cannot be continued without guessing. A read with fewer
 * items than its limit is no proof of the end of the list: an upstream or a proxy may cap it. If
 * the response does not prove the end, a read of what lies behind its last item does.
 */
import { badResponseError } from "../../keyprotect/error.ts";
import { listChanged } from "../errors/state-failures.ts";
import { anchorOf, type ListPosition } from "./page-token.ts";

/** Items from `offset` on, at most `limit`. */
interface Window {
  readonly limit: number;
  readonly offset: number;
}

/** The items of a window. */
export interface ReadPage<T> {
  readonly items: readonly T[];
  /** For fewer items than `limit`: whether the list ends here, if the upstream tells. */
  readonly isLast: boolean | undefined;
}

/** Reads the items of a window. */
export type ReadItems<T> = (window: Window) => Promise<ReadPage<T>>;

/** One page of a list. */
export interface ListPage<T> {
  readonly items: T[];
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

/** The size of a page for a requested one: 0 means the default. */
export const toPageSize = (requested: number): number =>
  Math.min(requested === 0 ? defaultPageSize : requested, maxPageSize);

/** The second search for the end of the previous page reads as many items as the largest page. */
const wideLimit = maxPageSize + 2;

/**
 * How far before the offset the second search begins: half of its items, or more than a whole page,
 * since a caller may have deleted the page that it got.
 */
const wideReach = (pageSize: number): number => Math.max(wideLimit / 2, pageSize + 1);

/**
 * Finds out whether the list ends with a read that has fewer items than its limit: `end` if it
 * does, `more` if items follow, `unknown` if items were inserted or deleted meanwhile.
 */
async function lookBehind<T extends { readonly id: string }>(
  read: ReadItems<T>,
  { offset }: Window,
  { items, isLast }: ReadPage<T>,
): Promise<"end" | "more" | "unknown"> {
  if (isLast !== undefined) return isLast ? "end" : "more";
  const last = items.at(-1);
  if (last === undefined) return "end";
  const behind = await read({ limit: 2, offset: offset + items.length - 1 });
  const [first, next] = behind.items;
  if (first?.id !== last.id) return "unknown";
  return next !== undefined || behind.isLast === false ? "more" : "end";
}

/**
 * Cuts a page out of a read, starting at its item `from`; `undefined` if the read ends too early to
 * tell whether there is a page.
 */
async function cut<T extends { readonly id: string }>(
  read: ReadItems<T>,
  window: Window,
  found: ReadPage<T>,
  from: number,
  pageSize: number,
): Promise<ListPage<T> | undefined> {
  const isFull = found.items.length >= window.limit;
  const rest = found.items.length - from;
  // The last item of a full read only shows that another page follows.
  const size = Math.min(pageSize, isFull ? rest - 1 : rest);
  if (size < 1 && isFull) return undefined;
  const items = found.items.slice(from, from + size);
  const successor = found.items[from + size];
  const last = items.at(-1);
  const behind = successor === undefined ? await lookBehind(read, window, found) : "more";
  if (behind === "end") return { items, next: undefined };
  if (last === undefined) {
    if (behind === "unknown") return undefined;
    throw badResponseError("the list of keys ends before its total");
  }
  const next = {
    offset: window.offset + from + size,
    anchor: anchorOf(last.id),
    successor: successor && anchorOf(successor.id),
  };
  return { items, next };
}

/** The index of the item with which the page behind `position` starts; -1 if it is not found. */
function startOf(
  items: readonly { readonly id: string }[],
  { anchor, successor }: ListPosition,
): number {
  const end = items.findIndex((item) => anchorOf(item.id) === anchor);
  if (end !== -1) return end + 1;
  return items.findIndex((item) => anchorOf(item.id) === successor);
}

/**
 * Reads one page. Rejects with `LIST_CHANGED` if neither the end of the previous page nor the item
 * that followed it is found near its place, and with `BAD_RESPONSE` if the upstream says that more
 * items follow and gives none.
 */
export async function listPage<T extends { readonly id: string }>(
  read: ReadItems<T>,
  request: PageRequest,
): Promise<ListPage<T>> {
  const { pageSize, position, skip } = request;
  if (position === undefined || skip > 0) {
    // One item more than the page holds shows whether another page follows.
    const window = { limit: pageSize + 1, offset: (position?.offset ?? 0) + skip };
    const page = await cut(read, window, await read(window), 0, pageSize);
    if (page === undefined) throw listChanged();
    return page;
  }
  const before = Math.max(0, position.offset - 1);
  const windows = [
    { limit: pageSize + 2, offset: before },
    { limit: wideLimit, offset: Math.max(0, before - wideReach(pageSize)) },
  ];
  for (const window of windows) {
    // Each page comes from one read. The second read is made only if the first gave no page.
    // oxlint-disable-next-line no-await-in-loop -- the second read depends on the first
    const found = await read(window);
    const from = startOf(found.items, position);
    // oxlint-disable-next-line no-await-in-loop -- the second read depends on the first
    const page = from === -1 ? undefined : await cut(read, window, found, from, pageSize);
    if (page !== undefined) return page;
  }
  throw listChanged();
}
