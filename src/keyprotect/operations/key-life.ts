/** The later life of a key: moves, state changes, restoration, purge and versions. */
import { type ApiCall, type OperationDeps, pathSegment } from "../call-api.ts";
import { fromSingleton } from "../collection.ts";
import { decodeKey, decodeVersion } from "../decode/key.ts";
import { mediaType } from "../media-types.ts";
import { readWindow, type ResourcePage, type ResourceWindow } from "./list-window.ts";
import type { KeyChange, KeyResource, KeyVersionResource, Preference } from "../resources.ts";

/** The operations on existing keys. Each rejects as `KeyProtectClient` says. */
export interface KeyLifeOperations {
  /**
   * Moves a key to another ring. Key Protect demands the key's present ring; without one in the
   * call it is read first.
   */
  moveKey(call: ApiCall, keyId: string, targetRingId: string): Promise<KeyResource>;
  /** Makes a change of state. The response is empty. */
  changeKey(call: ApiCall, keyId: string, change: KeyChange): Promise<void>;
  /** Restores a deleted key and returns it. */
  restoreKey(call: ApiCall, keyId: string, prefer: Preference): Promise<KeyResource>;
  /** Destroys a deleted key for good. */
  purgeKey(call: ApiCall, keyId: string): Promise<void>;
  /**
   * Lists one page of a key's versions, in every state of the key. Rejects with `BAD_RESPONSE` for
   * more versions than `limit`.
   */
  listKeyVersions(
    call: ApiCall,
    keyId: string,
    window: ResourceWindow,
  ): Promise<ResourcePage<KeyVersionResource>>;
}

const keyPath = (keyId: string): string => `/api/v2/keys/${pathSegment(keyId)}`;

/** The ring of keys that were put into no other. */
const defaultRingId = "default";

/** Creates the operations on existing keys. */
export function createKeyLifeOperations({
  callApi,
  onAnomaly,
  turn,
}: OperationDeps): KeyLifeOperations {
  const decodeOne = (keyId: string, body: Buffer): KeyResource =>
    decodeKey(fromSingleton(body, mediaType.key), {
      askedFor: keyId,
      isMaterialWanted: false,
      onAnomaly,
    });

  const ringOf = async (call: ApiCall, keyId: string): Promise<string> =>
    callApi(
      call,
      {
        method: "GET",
        path: `${keyPath(keyId)}/metadata`,
        isCurrentOnly: true,
        accept: mediaType.key,
        expected: [200],
        isAnswerSecret: false,
      },
      ({ body }) => decodeOne(keyId, body).keyRingId ?? defaultRingId,
    );

  return {
    moveKey: async (call, keyId, targetRingId) => {
      const inRing =
        call.keyRing === undefined ? { ...call, keyRing: await ringOf(call, keyId) } : call;
      return callApi(
        inRing,
        {
          method: "PATCH",
          path: keyPath(keyId),
          isCurrentOnly: true,
          accept: mediaType.key,
          contentType: mediaType.json,
          body: { keyRingID: targetRingId },
          expected: [200],
          isAnswerSecret: false,
        },
        ({ body }) => decodeOne(keyId, body),
      );
    },

    changeKey: async (call, keyId, change) =>
      callApi(
        call,
        {
          method: "POST",
          path: `${keyPath(keyId)}/actions/${change}`,
          isCurrentOnly: true,
          accept: mediaType.keyAction,
          expected: [204],
          isAnswerSecret: false,
        },
        () => undefined,
      ),

    restoreKey: async (call, keyId, prefer) =>
      callApi(
        call,
        {
          method: "POST",
          path: `${keyPath(keyId)}/restore`,
          isCurrentOnly: true,
          accept: mediaType.key,
          prefer,
          expected: [201],
          isAnswerSecret: true,
        },
        ({ body }) => decodeOne(keyId, body),
      ),

    purgeKey: async (call, keyId) =>
      callApi(
        call,
        {
          method: "DELETE",
          path: `${keyPath(keyId)}/purge`,
          isCurrentOnly: true,
          accept: mediaType.key,
          prefer: "minimal",
          expected: [204, 200],
          isAnswerSecret: true,
        },
        // A proxy answers 200 too, but only Key Protect describes the key then.
        ({ status, body }) => {
          if (status === 200) decodeOne(keyId, body);
        },
      ),

    listKeyVersions: async (call, keyId, window) =>
      readWindow(
        { callApi, turn },
        call,
        {
          path: `${keyPath(keyId)}/versions`,
          parameters: "&allKeyStates=true",
          mediaType: mediaType.keyVersion,
        },
        window,
        (resource) => decodeVersion(resource, onAnomaly),
      ),
  };
}
