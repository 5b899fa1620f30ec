/** The state of one Key Protect service instance. */
import type { KmipAdapterRecord } from "./kmip/records.ts";
import type { PolicyRecord } from "./keys/record.ts";
import { createKeyStore } from "./keys/store.ts";
import type { KeyStore } from "./keys/store.ts";
import type { TransportKey } from "./lockers/transport-key.ts";

/** A key ring. The ring `default` always exists and is not stored. Times are in emulated ms. */
export interface KeyRing {
  readonly id: string;
  readonly createdBy: string;
  readonly createdAt: number;
}

/** The content of an instance policy. */
export interface InstancePolicySetting {
  readonly isEnabled: boolean;
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
}

/** A service instance. Requests to other instances cannot see its content. */
export interface Instance {
  readonly id: string;
  readonly keys: KeyStore;
  readonly rings: Map<string, KeyRing>;
  readonly policies: Map<string, PolicyRecord<InstancePolicySetting>>;
  readonly kmipAdapters: Map<string, KmipAdapterRecord>;
  transportKey: TransportKey | undefined;
}

/** Creates an empty instance. */
export function createInstance(id: string): Instance {
  return {
    id,
    keys: createKeyStore(),
    rings: new Map(),
    policies: new Map(),
    kmipAdapters: new Map(),
    transportKey: undefined,
  };
}
