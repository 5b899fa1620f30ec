/** The adapters of KMIP, with their objects and client certificates. */
import { type ApiCall, type ApiRequest, type OperationDeps, pathSegment } from "../call-api.ts";
import { fromSingleton, toCollection } from "../collection.ts";
import {
  decodeKmipAdapter,
  decodeKmipCertificate,
  decodeKmipObject,
  type KmipAdapterResource,
  type KmipCertificateResource,
  type KmipObjectResource,
} from "../decode/kmip.ts";
import type { JsonObject } from "../decode/json.ts";
import { mediaType } from "../media-types.ts";
import { readWindow, type ResourcePage, type ResourceWindow } from "./list-window.ts";

/** Parameters of a new adapter. */
export interface CreateKmipAdapterParams {
  /** Absent: the upstream makes one up. */
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly profile: string;
  /** ID or alias of the root key. */
  readonly rootKeyId: string;
  readonly allowExpiringKey: boolean;
}

/** A certificate to add. */
export interface AddKmipCertificateParams {
  /** Absent: the upstream makes one up. */
  readonly name: string | undefined;
  /** One PEM block. */
  readonly certificate: string;
}

/** The operations of KMIP. All are of the current API. `adapter` is an ID or a name. */
export interface KmipOperations {
  /** Lists adapters, with `rootKeyId` only those that use this key. At most 200 at once. */
  listKmipAdapters(
    call: ApiCall,
    window: ResourceWindow & { readonly rootKeyId?: string | undefined },
  ): Promise<ResourcePage<KmipAdapterResource>>;
  createKmipAdapter(call: ApiCall, params: CreateKmipAdapterParams): Promise<KmipAdapterResource>;
  getKmipAdapter(call: ApiCall, adapter: string): Promise<KmipAdapterResource>;
  deleteKmipAdapter(call: ApiCall, adapter: string): Promise<void>;
  /** Lists objects in the given states. Without states: those that are not destroyed. */
  listKmipObjects(
    call: ApiCall,
    adapter: string,
    window: ResourceWindow & { readonly states?: readonly number[] },
  ): Promise<ResourcePage<KmipObjectResource>>;
  getKmipObject(call: ApiCall, adapter: string, objectId: string): Promise<KmipObjectResource>;
  /** Destroys an object, with `force` in whatever state. */
  deleteKmipObject(call: ApiCall, adapter: string, objectId: string, force: boolean): Promise<void>;
  /** Lists certificates without their PEM texts. At most 200 at once. */
  listKmipCertificates(
    call: ApiCall,
    adapter: string,
    window: ResourceWindow,
  ): Promise<ResourcePage<KmipCertificateResource>>;
  addKmipCertificate(
    call: ApiCall,
    adapter: string,
    params: AddKmipCertificateParams,
  ): Promise<KmipCertificateResource>;
  /** `certificate` is an ID or a name. */
  getKmipCertificate(
    call: ApiCall,
    adapter: string,
    certificate: string,
  ): Promise<KmipCertificateResource>;
  deleteKmipCertificate(call: ApiCall, adapter: string, certificate: string): Promise<void>;
}

const adaptersPath = "/api/v2/kmip_adapters";
const adapterPath = (adapter: string): string => `${adaptersPath}/${pathSegment(adapter)}`;
const objectsPath = (adapter: string): string => `${adapterPath(adapter)}/kmip_objects`;
const objectPath = (adapter: string, objectId: string): string =>
  `${objectsPath(adapter)}/${pathSegment(objectId)}`;
const certificatesPath = (adapter: string): string => `${adapterPath(adapter)}/certificates`;
const certificatePath = (adapter: string, certificate: string): string =>
  `${certificatesPath(adapter)}/${pathSegment(certificate)}`;

/** An instance has at most 200 adapters, and an adapter 200 certificates: one window holds all. */
const maxLimit = 200;

/** A request that only the current API has, and whose response holds no secret. */
const request = (
  parts: Pick<ApiRequest, "method" | "path" | "accept" | "expected"> & Partial<ApiRequest>,
): ApiRequest => ({ isCurrentOnly: true, isAnswerSecret: false, ...parts });

/** Creates the operations of KMIP. */
export function createKmipOperations({ callApi, onAnomaly, turn }: OperationDeps): KmipOperations {
  const { kmipAdapter, kmipObject, kmipCertificate } = mediaType;

  const get = async <T>(
    call: ApiCall,
    path: string,
    type: string,
    decode: (resource: JsonObject) => T,
  ): Promise<T> =>
    callApi(call, request({ method: "GET", path, accept: type, expected: [200] }), ({ body }) =>
      decode(fromSingleton(body, type)),
    );

  const post = async <T>(
    call: ApiCall,
    path: string,
    type: string,
    resource: object,
    decode: (resource: JsonObject) => T,
  ): Promise<T> =>
    callApi(
      call,
      request({
        method: "POST",
        path,
        accept: type,
        contentType: type,
        body: toCollection(type, [resource]),
        expected: [201],
      }),
      ({ body }) => decode(fromSingleton(body, type)),
    );

  const remove = async (call: ApiCall, path: string, accept: string): Promise<void> =>
    callApi(call, request({ method: "DELETE", path, accept, expected: [204] }), () => undefined);

  return {
    listKmipAdapters: async (call, { rootKeyId, ...window }) =>
      readWindow(
        { callApi, turn },
        call,
        {
          path: adaptersPath,
          mediaType: kmipAdapter,
          maxLimit,
          ...(rootKeyId !== undefined && {
            parameters: `&crk_id=${encodeURIComponent(rootKeyId)}`,
          }),
        },
        window,
        (resource) => decodeKmipAdapter(resource, onAnomaly),
      ),

    createKmipAdapter: async (call, { rootKeyId, allowExpiringKey, ...resource }) =>
      post(
        call,
        `${adaptersPath}${allowExpiringKey ? "?allowExpiringKey=true" : ""}`,
        kmipAdapter,
        { ...resource, profile_data: { crk_id: rootKeyId } },
        (created) => decodeKmipAdapter(created, onAnomaly),
      ),

    getKmipAdapter: async (call, adapter) =>
      get(call, adapterPath(adapter), kmipAdapter, (resource) =>
        decodeKmipAdapter(resource, onAnomaly, adapter),
      ),

    deleteKmipAdapter: async (call, adapter) => remove(call, adapterPath(adapter), kmipAdapter),

    listKmipObjects: async (call, adapter, { states = [], ...window }) =>
      readWindow(
        { callApi, turn },
        call,
        {
          path: objectsPath(adapter),
          mediaType: kmipObject,
          ...(states.length > 0 && {
            parameters: `&state=${encodeURIComponent(states.join(","))}`,
          }),
        },
        window,
        (resource) => decodeKmipObject(resource, onAnomaly),
      ),

    getKmipObject: async (call, adapter, objectId) =>
      get(call, objectPath(adapter, objectId), kmipObject, (resource) =>
        decodeKmipObject(resource, onAnomaly, objectId),
      ),

    deleteKmipObject: async (call, adapter, objectId, force) =>
      remove(call, `${objectPath(adapter, objectId)}${force ? "?force=true" : ""}`, kmipObject),

    listKmipCertificates: async (call, adapter, window) =>
      readWindow(
        { callApi, turn },
        call,
        { path: certificatesPath(adapter), mediaType: kmipCertificate, maxLimit },
        window,
        (resource) => decodeKmipCertificate(resource, onAnomaly),
      ),

    addKmipCertificate: async (call, adapter, resource) =>
      post(call, certificatesPath(adapter), kmipCertificate, resource, (added) =>
        decodeKmipCertificate(added, onAnomaly),
      ),

    getKmipCertificate: async (call, adapter, certificate) =>
      get(call, certificatePath(adapter, certificate), kmipCertificate, (resource) =>
        decodeKmipCertificate(resource, onAnomaly, certificate),
      ),

    deleteKmipCertificate: async (call, adapter, certificate) =>
      remove(call, certificatePath(adapter, certificate), kmipCertificate),
  };
}
