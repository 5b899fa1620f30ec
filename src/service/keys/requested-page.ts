import { listPage, toPageSize, type ReadItems } from "./list-page.ts";
import { fromPageToken, toPageToken } from "./page-token.ts";

/**
 * Reads the page that a request asks for. `list` identifies the list: the instance, the kind of its
 * items and every filter. Rejects as `fromPageToken` and `listPage` do.
 */
export async function requestedPage<T extends { readonly id: string }>(
  { pageSize, pageToken }: { readonly pageSize: number; readonly pageToken: string },
  list: readonly string[],
  read: ReadItems<T>,
): Promise<{ items: readonly T[]; nextPageToken: string }> {
  const { items, next } = await listPage(read, {
    pageSize: toPageSize(pageSize),
    position: pageToken === "" ? undefined : fromPageToken(pageToken, list),
    skip: 0,
  });
  return { items, nextPageToken: next === undefined ? "" : toPageToken(next, list) };
}
