/** One window of a list other than that of keys. */
import { type ApiCall, listAnswerBytes, type OperationDeps } from "../call-api.ts";
import { fromPageInPieces } from "../collection.ts";
import type { JsonObject } from "../decode/json.ts";

/** Resources that are decoded in one piece. They are smaller than keys. */
const resourcesInPiece = 128;

/** The resources from `offset` on, at most `limit`. */
export interface ResourceWindow {
  readonly limit: number;
  readonly offset: number;
}

/** The resources of a window. */
export interface ResourcePage<T> {
  readonly items: readonly T[];
  /** Whether the list ends here; `undefined` if the response does not tell. */
  readonly isLast: boolean | undefined;
}

/** A list: its path, with further query parameters, such as `&crk_id=`, and the media type. */
export interface ResourceList {
  readonly path: string;
  readonly parameters?: string;
  readonly mediaType: string;
  /** The largest `limit` of the upstream; a larger window is cut to it. Default: that of keys. */
  readonly maxLimit?: number;
}

/**
 * Reads a window of a list that the current API alone has. Rejects with `BAD_RESPONSE` for more
 * resources than requested.
 */
export const readWindow = <T>(
  { callApi, turn }: Pick<OperationDeps, "callApi" | "turn">,
  call: ApiCall,
  list: ResourceList,
  window: ResourceWindow,
  decode: (resource: JsonObject) => T,
): Promise<ResourcePage<T>> => {
  const { offset } = window;
  const limit = Math.min(window.limit, list.maxLimit ?? window.limit);
  return callApi(
    call,
    {
      method: "GET",
      path: `${list.path}?limit=${limit}&offset=${offset}&totalCount=true${list.parameters ?? ""}`,
      isCurrentOnly: true,
      accept: list.mediaType,
      expected: [200],
      isAnswerSecret: false,
      maxResponseBytes: listAnswerBytes,
    },
    async ({ body }) => {
      const { items, totalCount } = await fromPageInPieces(body, list.mediaType, {
        limit,
        size: resourcesInPiece,
        turn: () => turn(call),
        decode,
      });
      const seen = offset + items.length;
      return {
        items,
        isLast: totalCount === undefined ? undefined : totalCount <= seen,
      };
    },
  );
};
