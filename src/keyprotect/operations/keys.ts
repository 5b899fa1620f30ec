/** Create, list, count, read and delete keys. */
import { badResponseError } from "../error.ts";
import { fromPageInPieces, fromSingleton, toCollection } from "../collection.ts";
import { decodeKey } from "../decode/key.ts";
import {
  type ApiCall,
  listAnswerBytes,
  type ApiRequest,
  pathSegment,
  type OperationDeps,
} from "../call-api.ts";
import { own } from "../decode/json.ts";
import { importedMaterialFields } from "../dialects/dialect.ts";
import { mediaType } from "../media-types.ts";
import { isLastPage, keyTotalOf } from "./page-total.ts";
import { keyQueryParameters } from "./query-parameters.ts";
import type {
  CreateKeyParams,
  KeyQuery,
  PolicyChange,
  KeyPage,
  KeyResource,
  Preference,
} from "../resources.ts";

const keysPath = "/api/v2/keys";

/** Keys that are decoded in one piece: half a millisecond, and not 2 on a machine of a quarter. */
const keysInPiece = 64;

/** The operations on keys. Each rejects as `KeyProtectClient` says. */
export interface KeyOperations {
  /**
   * Creates or imports a key. Rejects with `UNSUPPORTED` for encrypted material that the dialect
   * does not have, and with `BAD_RESPONSE` if a root key came out as a standard key or the reverse.
   */
  createKey(call: ApiCall, params: CreateKeyParams): Promise<KeyResource>;
  /** Lists one page of keys. Rejects with `BAD_RESPONSE` for more keys than `limit`. */
  listKeys(
    call: ApiCall,
    page: { limit: number; offset: number; query?: KeyQuery },
  ): Promise<KeyPage>;
  /** Counts the keys. Rejects with `BAD_RESPONSE` unless `key-total` is a number of 32 bits. */
  countKeys(call: ApiCall, query?: KeyQuery): Promise<number>;
  /** Reads a key without its material. */
  getKey(call: ApiCall, keyId: string): Promise<KeyResource>;
  /** Reads a key with the material of a standard key. */
  getKeyMaterial(call: ApiCall, keyId: string): Promise<KeyResource>;
  /**
   * Deletes a key, with `force` also one that protects resources. Returns it if the response has
   * it. Rejects with `BAD_RESPONSE` for a 200 without the key: a proxy answers so too, whatever
   * became of the key.
   */
  deleteKey(
    call: ApiCall,
    keyId: string,
    options: { prefer: Preference; force: boolean },
  ): Promise<KeyResource | undefined>;
}

/** Creates the operations on keys. */
export function createKeyOperations({
  callApi,
  dialect,
  onAnomaly,
  turn,
}: OperationDeps): KeyOperations {
  /** Reads one key at `path`. */
  const readKey = (
    call: ApiCall,
    keyId: string,
    path: string,
    secrecy: { isAnswerSecret: boolean; isMaterialWanted: boolean },
  ): Promise<KeyResource> =>
    callApi(
      call,
      {
        method: "GET",
        path,
        accept: mediaType.key,
        expected: [200],
        isAnswerSecret: secrecy.isAnswerSecret,
      },
      ({ body }) =>
        decodeKey(fromSingleton(body, mediaType.key), {
          askedFor: keyId,
          isMaterialWanted: secrecy.isMaterialWanted,
          onAnomaly,
        }),
    );

  return {
    createKey: async (call, params) => {
      const request: ApiRequest = {
        method: "POST",
        path: params.policyOverrides === undefined ? keysPath : `${keysPath}_with_policy_overrides`,
        isCurrentOnly: params.policyOverrides !== undefined || params.aliases.length > 0,
        accept: mediaType.key,
        contentType: mediaType.key,
        prefer: params.prefer,
        body: toCollection(mediaType.key, [
          {
            type: mediaType.key,
            name: params.name,
            description: params.description,
            tags: params.tags.length === 0 ? undefined : params.tags,
            expirationDate: params.expirationDate && toSeconds(params.expirationDate),
            extractable: params.extractable,
            aliases: params.aliases.length === 0 ? undefined : params.aliases,
            ...(params.material && importedMaterialFields(params.material, dialect)),
            ...overriddenPolicies(params.policyOverrides ?? []),
          },
        ]),
        expected: [201, 200],
        isAnswerSecret: true,
      };
      return callApi(call, request, ({ body }) => {
        const resource = fromSingleton(body, mediaType.key);
        // A root key that came out as a standard key would disclose its material.
        if ((own(resource, "extractable") ?? params.extractable) !== params.extractable) {
          throw badResponseError("extractable is not as requested");
        }
        return decodeKey(resource, {
          isMaterialWanted: params.extractable && params.prefer === "representation",
          onAnomaly,
        });
      });
    },

    listKeys: async (call, { limit, offset, query = {} }) => {
      const chosen = keyQueryParameters(query);
      return callApi(
        call,
        {
          method: "GET",
          path: `${keysPath}?limit=${limit}&offset=${offset}${chosen}`,
          isCurrentOnly: chosen !== "",
          accept: dialect.keyListType,
          expected: [200],
          isAnswerSecret: false,
          maxResponseBytes: listAnswerBytes,
        },
        async ({ headers, body }) => {
          const reading = { isMaterialWanted: false, onAnomaly };
          const page = await fromPageInPieces(body, mediaType.key, {
            limit,
            size: keysInPiece,
            turn: () => turn(call),
            decode: (resource) => decodeKey(resource, reading),
          });
          const { items: keys, total, isIncomplete } = page;
          const keyTotal = keyTotalOf(headers);
          const read = { keys, total: keyTotal, isIncomplete };
          if (keys.length === limit) return { ...read, isLast: undefined };
          const isLast = isLastPage(offset, keys.length, total, keyTotal);
          const claimsMore = isLast === false || (keyTotal ?? 0) > offset + keys.length;
          // `Key-Total` may count the keys of all rings.
          if (claimsMore && call.keyRing === undefined) onAnomaly("short_page");
          return { ...read, isLast };
        },
      );
    },

    countKeys: async (call, query = {}) => {
      const chosen = keyQueryParameters(query);
      return callApi(
        call,
        {
          method: "HEAD",
          path: chosen === "" ? keysPath : `${keysPath}?${chosen.slice(1)}`,
          isCurrentOnly: chosen !== "",
          accept: dialect.keyListType,
          expected: [200],
          isAnswerSecret: false,
        },
        ({ headers }) => {
          const total = keyTotalOf(headers);
          if (total === undefined) throw badResponseError("key-total is not a number of keys");
          return total;
        },
      );
    },

    getKey: async (call, keyId) =>
      readKey(call, keyId, dialect.metadataPath(pathSegment(keyId)), {
        isAnswerSecret: dialect.isMetadataSecret,
        isMaterialWanted: false,
      }),

    getKeyMaterial: async (call, keyId) =>
      readKey(call, keyId, `${keysPath}/${pathSegment(keyId)}`, {
        isAnswerSecret: true,
        isMaterialWanted: true,
      }),

    deleteKey: async (call, keyId, { prefer, force }) =>
      callApi(
        call,
        {
          method: "DELETE",
          path: `${keysPath}/${pathSegment(keyId)}${force ? "?force=true" : ""}`,
          accept: mediaType.key,
          prefer,
          expected: [200, 204],
          isAnswerSecret: true,
        },
        ({ status, body }) =>
          // 204 has no body.
          status === 204
            ? undefined
            : decodeKey(fromSingleton(body, mediaType.key), {
                askedFor: keyId,
                isMaterialWanted: false,
                onAnomaly,
              }),
      ),
  };
}

/** The policies of a new key, in the form of its resource. */
const overriddenPolicies = (changes: readonly PolicyChange[]): Readonly<Record<string, object>> =>
  Object.fromEntries(
    changes.map((change) =>
      change.kind === "rotation"
        ? ["rotation", { enabled: change.enabled ?? true, interval_month: change.intervalMonths }]
        : ["dualAuthDelete", { enabled: change.enabled }],
    ),
  );

/**
 * Formats a date to the second, as the upstream does. The fraction is cut off, so that a key never
 * lives longer.
 */
function toSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}
