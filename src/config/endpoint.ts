/** Endpoints: from the settings to the configuration. */
import type { ListenAddress } from "./listen-address.ts";
import type { EndpointSettings } from "./schema/endpoint-settings.ts";

/** A door for software that speaks a protocol of its own. */
export type EndpointConfig = KubernetesKmsConfig | SopsConfig;

/** The settings of all endpoints. */
export interface EndpointBase {
  readonly kind: EndpointSettings["kind"];
  /** A Unix socket or a loopback address. */
  readonly listen: ListenAddress;
  /** The caller of every call through this endpoint. No other listener gives this name. */
  readonly caller: string;
  /** Alias of a configured instance, which the gateway's own credential uses. */
  readonly instance: string;
  /** Additional authenticated data of every ciphertext. */
  readonly additionalData: readonly string[];
}

/** A KMS plugin of the API servers of Kubernetes. */
export interface KubernetesKmsConfig extends EndpointBase {
  readonly kind: "kubernetes-kms-v2";
  /** ID of the root key that encrypts, in lower case. */
  readonly keyId: string;
  /** IDs of root keys that may still decrypt, in lower case. */
  readonly formerKeyIds: readonly string[];
  /** How long Status answers `ok` after the last successful wrap, in milliseconds. */
  readonly maxStalenessMs: number;
}

/** A key service of sops. */
export interface SopsConfig extends EndpointBase {
  readonly kind: "sops";
  /** IDs and aliases of keys that it may use; `*` stands for any characters of an alias. */
  readonly keys: readonly string[];
  /** Address that Vault keys of this endpoint have, without a slash at the end. */
  readonly vaultAddress: string;
}

/** Converts checked settings. `defaultInstance` is the alias for endpoints that name none. */
export function toEndpoint(
  settings: EndpointSettings,
  defaultInstance: string | undefined,
): EndpointConfig {
  const { kind, listen, caller, instance = defaultInstance, additionalData } = settings;
  if (instance === undefined) throw absentSetting();
  const base = { listen, caller, instance, additionalData };
  if (kind === "sops") {
    const { keys, vaultAddress } = settings;
    if (keys === undefined) throw absentSetting();
    return { kind, ...base, keys, vaultAddress };
  }
  const { keyId, formerKeyIds, maxStalenessMs } = settings;
  if (keyId === undefined) throw absentSetting();
  return { kind, ...base, keyId, formerKeyIds, maxStalenessMs };
}

const absentSetting = (): Error => new Error("the checks missed an absent setting of an endpoint");
