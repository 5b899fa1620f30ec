/** Endpoints: from the settings to the configuration. */
import type { ListenAddress } from "./listen-address.ts";
import type { EndpointSettings } from "./schema/endpoint-settings.ts";

/** A door for software that speaks a protocol of its own. */
export type EndpointConfig = KubernetesKmsConfig;

/** The settings of all endpoints. */
export interface EndpointBase {
  readonly kind: EndpointSettings["kind"];
  /** A Unix socket or a loopback address. */
  readonly listen: ListenAddress;
  /** The caller of every call through this endpoint. No other listener gives this name. */
  readonly caller: string;
  /** Alias of a configured instance, which the gateway's own credential uses. */
  readonly instance: string;
}

/** A KMS plugin of the API servers of Kubernetes. */
export interface KubernetesKmsConfig extends EndpointBase {
  readonly kind: "kubernetes-kms-v2";
  /** ID of the root key that encrypts, in lower case. */
  readonly keyId: string;
  /** IDs of root keys that may still decrypt, in lower case. */
  readonly formerKeyIds: readonly string[];
  /** Additional authenticated data of every ciphertext. */
  readonly additionalData: readonly string[];
  /** How long Status answers `ok` after the last successful wrap, in milliseconds. */
  readonly maxStalenessMs: number;
}

/** Converts checked settings. `defaultInstance` is the alias for endpoints that name none. */
export function toEndpoint(
  settings: EndpointSettings,
  defaultInstance: string | undefined,
): EndpointConfig {
  const { kind, keyId, instance = defaultInstance, ...rest } = settings;
  if (keyId === undefined || instance === undefined) {
    throw new Error("the checks missed an absent setting of an endpoint");
  }
  return { kind, ...rest, instance, keyId };
}
