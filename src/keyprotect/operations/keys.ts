import type { UpstreamCall } from "../../upstream/layer.ts";
import { badResponseError } from "../error.ts";
import { fromCollection, fromSingleton, toCollection } from "../collection.ts";
import { decodeKey } from "../decode/key.ts";
import { listAnswerBytes, type ApiRequest, pathSegment, type OperationDeps } from "../call-api.ts";
import { own } from "../decode/json.ts";
import { importedMaterialFields } from "../dialects/dialect.ts";
import { mediaType } from "../media-types.ts";
import type { CreateKeyParams, KeyResource, Preference } from "../resources.ts";

const keysPath = "/api/v2/keys";

/** The operations on keys as a whole. */
export interface KeyOperations {
  createKey(call: UpstreamCall, params: CreateKeyParams): Promise<KeyResource>;
  listKeys(
    call: UpstreamCall,
    page: { limit: number; offset: number },
  ): Promise<readonly KeyResource[]>;
  countKeys(call: UpstreamCall): Promise<number>;
  getKey(call: UpstreamCall, keyId: string): Promise<KeyResource>;
  getKeyMaterial(call: UpstreamCall, keyId: string): Promise<KeyResource>;
  deleteKey(
    call: UpstreamCall,
    keyId: string,
    prefer: Preference,
  ): Promise<KeyResource | undefined>;
}

/** Creates the operations on keys as a whole. */
export function createKeyOperations({ callApi, dialect, onAnomaly }: OperationDeps): KeyOperations {
  /** Reads one key at `path`. */
  const readKey = (
    call: UpstreamCall,
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
        path: keysPath,
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
            ...(params.material && importedMaterialFields(params.material, dialect)),
          },
        ]),
        expected: [201, 200],
        isAnswerSecret: true,
      };
      return callApi(call, request, ({ body }) => {
        const resource = fromSingleton(body, mediaType.key);
        // A root key that came out as a standard key would hand out its material.
        if ((own(resource, "extractable") ?? params.extractable) !== params.extractable) {
          throw badResponseError("extractable is not what was asked for");
        }
        return decodeKey(resource, {
          isMaterialWanted: params.extractable && params.prefer === "representation",
          onAnomaly,
        });
      });
    },

    listKeys: async (call, { limit, offset }) =>
      callApi(
        call,
        {
          method: "GET",
          path: `${keysPath}?limit=${limit}&offset=${offset}`,
          accept: dialect.keyListType,
          expected: [200],
          isAnswerSecret: false,
          maxResponseBytes: listAnswerBytes,
        },
        ({ body }) => {
          const resources = fromCollection(body, mediaType.key);
          if (resources.length > limit)
            throw badResponseError("resources has more keys than asked for");
          return resources.map((resource) =>
            decodeKey(resource, { isMaterialWanted: false, onAnomaly }),
          );
        },
      ),

    countKeys: async (call) =>
      callApi(
        call,
        {
          method: "HEAD",
          path: keysPath,
          accept: dialect.keyListType,
          expected: [200],
          isAnswerSecret: false,
        },
        ({ headers }) => {
          const total = headers["key-total"];
          // Ten digits fit a double exactly; what does not fit 32 bits is not a number of keys.
          if (total === undefined || !/^\d{1,10}$/.test(total) || Number(total) > 0x7fff_ffff) {
            throw badResponseError("key-total is not a number of keys");
          }
          return Number(total);
        },
      ),

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

    deleteKey: async (call, keyId, prefer) =>
      callApi(
        call,
        {
          method: "DELETE",
          path: `${keysPath}/${pathSegment(keyId)}`,
          accept: mediaType.key,
          prefer,
          expected: [200, 204],
          isAnswerSecret: true,
        },
        ({ status, body }) =>
          // The key is gone whatever comes with a success: nothing is read that nobody asked for.
          status === 204 || prefer === "minimal" || body.length === 0
            ? undefined
            : decodeKey(fromSingleton(body, mediaType.key), {
                askedFor: keyId,
                isMaterialWanted: false,
                onAnomaly,
              }),
      ),
  };
}

/** The upstream writes and takes dates to the second; a fraction is cut off, so that a key never lives longer. */
function toSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}
