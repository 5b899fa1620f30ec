/** Key rings, aliases and registrations. */
import { type ApiCall, type OperationDeps, pathSegment } from "../call-api.ts";
import { fromSingleton } from "../collection.ts";
import { decodeAlias, type AliasResource } from "../decode/alias.ts";
import { decodeKeyRing, type KeyRingResource } from "../decode/key-ring.ts";
import { decodeRegistration, type RegistrationResource } from "../decode/registration.ts";
import { mediaType } from "../media-types.ts";
import { readWindow, type ResourcePage, type ResourceWindow } from "./list-window.ts";

/** Which registrations a list is about. Empty: all. */
export interface RegistrationQuery {
  /** ID or alias of a key. */
  readonly keyId?: string | undefined;
  /** CRN of the resources, in which `*` stands for any text. */
  readonly resourceCrn?: string | undefined;
  readonly preventKeyDeletion?: boolean | undefined;
}

/** The operations on what keys are grouped, named and used by. All are of the current API. */
export interface RingOperations {
  createAlias(call: ApiCall, keyId: string, alias: string): Promise<AliasResource>;
  deleteAlias(call: ApiCall, keyId: string, alias: string): Promise<void>;
  listKeyRings(call: ApiCall, window: ResourceWindow): Promise<ResourcePage<KeyRingResource>>;
  createKeyRing(call: ApiCall, keyRingId: string): Promise<void>;
  /** With `force` also a ring that holds deleted keys. */
  deleteKeyRing(call: ApiCall, keyRingId: string, force: boolean): Promise<void>;
  listRegistrations(
    call: ApiCall,
    window: ResourceWindow & { readonly query?: RegistrationQuery },
  ): Promise<ResourcePage<RegistrationResource>>;
}

const aliasPath = (keyId: string, alias: string): string =>
  `/api/v2/keys/${pathSegment(keyId)}/aliases/${pathSegment(alias)}`;
const ringPath = (keyRingId: string): string => `/api/v2/key_rings/${pathSegment(keyRingId)}`;

const registrationParameters = ({ resourceCrn, preventKeyDeletion }: RegistrationQuery): string =>
  (resourceCrn === undefined
    ? ""
    : `&urlEncodedResourceCRNQuery=${encodeURIComponent(resourceCrn)}`) +
  (preventKeyDeletion === undefined ? "" : `&preventKeyDeletion=${preventKeyDeletion}`);

/** Creates the operations on rings, aliases and registrations. */
export function createRingOperations({ callApi, onAnomaly, turn }: OperationDeps): RingOperations {
  /** A change whose response has no body. */
  const change = async (
    call: ApiCall,
    method: "POST" | "DELETE",
    path: string,
    status: number,
  ): Promise<void> =>
    callApi(
      call,
      {
        method,
        path,
        isCurrentOnly: true,
        accept: mediaType.json,
        expected: [status],
        isAnswerSecret: false,
      },
      () => undefined,
    );

  return {
    createAlias: async (call, keyId, alias) =>
      callApi(
        call,
        {
          method: "POST",
          path: aliasPath(keyId, alias),
          isCurrentOnly: true,
          accept: mediaType.alias,
          expected: [201],
          isAnswerSecret: false,
        },
        ({ body }) => decodeAlias(fromSingleton(body, mediaType.alias), alias, onAnomaly),
      ),
    deleteAlias: async (call, keyId, alias) => change(call, "DELETE", aliasPath(keyId, alias), 204),
    listKeyRings: async (call, window) =>
      readWindow(
        { callApi, turn },
        call,
        { path: "/api/v2/key_rings", mediaType: mediaType.keyRing },
        window,
        (resource) => decodeKeyRing(resource, onAnomaly),
      ),
    createKeyRing: async (call, keyRingId) => change(call, "POST", ringPath(keyRingId), 201),
    deleteKeyRing: async (call, keyRingId, force) =>
      change(call, "DELETE", `${ringPath(keyRingId)}${force ? "?force=true" : ""}`, 204),
    listRegistrations: async (call, { query = {}, ...window }) => {
      const keyPath = query.keyId === undefined ? "" : `/${pathSegment(query.keyId)}`;
      return readWindow(
        { callApi, turn },
        call,
        {
          path: `/api/v2/keys${keyPath}/registrations`,
          parameters: registrationParameters(query),
          mediaType: mediaType.registration,
        },
        window,
        (resource) => decodeRegistration(resource, onAnomaly),
      );
    },
  };
}
