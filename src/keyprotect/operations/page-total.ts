/** The length of the list of keys, as far as a page of it tells. */
import type { UpstreamResponse } from "../../upstream/layer.ts";

/** The number of keys in the header `Key-Total`; `undefined` if there is none. */
export function keyTotalOf({
  "key-total": total,
}: UpstreamResponse["headers"]): number | undefined {
  // A double represents ten digits exactly. A number beyond 32 bits is not a number of keys.
  if (total === undefined || !/^\d{1,10}$/.test(total)) return undefined;
  return Number(total) > 0x7fff_ffff ? undefined : Number(total);
}

/**
 * `isLast` of a page with fewer keys than requested. `collectionTotal` is the number of keys in the
 * page or in the list; `keyTotal` is that of the list, perhaps with keys of other key rings.
 */
export function isLastPage(
  offset: number,
  length: number,
  collectionTotal = length,
  keyTotal?: number,
): boolean | undefined {
  const seen = offset + length;
  if (collectionTotal > seen) return false;
  const isComplete = collectionTotal === length || collectionTotal === seen || length === 0;
  return isComplete && keyTotal !== undefined && keyTotal <= seen ? true : undefined;
}
