/**
 * The checked configuration. Most of it is the schema's output as it is, so that a new setting
 * needs an entry in the schema and nothing here; only settings whose form changes once they are
 * checked are written out below.
 */
import type { CredentialSetting, InstanceCredential } from "./credential.ts";
import type { EndpointConfig } from "./endpoint.ts";
import type { InstanceSettings, Settings } from "./schema/settings.ts";

/** Everything that can be set, checked and with every default filled in. */
export interface Config extends Omit<Settings, keyof ResolvedSettings>, ResolvedSettings {}

/** The settings whose form differs from that in the schema. */
interface ResolvedSettings {
  /** Whether server reflection is offered; `auto` is resolved. */
  readonly reflection: boolean;
  /** Absent: TCP listeners speak plaintext. */
  readonly tls: TlsConfig | undefined;
  /** At least one; aliases are unique. */
  readonly instances: readonly InstanceConfig[];
  /** Alias of the instance for calls that name none. Absent: several, and none is the default. */
  readonly defaultInstance: string | undefined;
  /** Doors for foreign protocols. Empty: there are none. */
  readonly endpoints: readonly EndpointConfig[];
  /** Absent: nothing uses Redis. */
  readonly redis: RedisConfig | undefined;
}

/** TLS of the TCP listeners. Paths of PEM files. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** If present, clients must show a certificate that one of these authorities issued. */
  readonly clientCaFile: string | undefined;
  /** SPIFFE trust domains whose identities are accepted; not empty if `clientCaFile` is present. */
  readonly trustDomains: readonly string[];
}

/** One Key Protect instance. */
export interface InstanceConfig extends Omit<InstanceSettings, CredentialSetting | RateSetting> {
  readonly credential: InstanceCredential;
  readonly rate: RateConfig;
}

type RateSetting = Extract<keyof InstanceSettings, `rate${string}`>;

/** How an instance's quota is kept; rates in requests per second. */
export interface RateConfig {
  /** `auto` is resolved; `fixed` and `down-only` have a ceiling. */
  readonly mode: Exclude<InstanceSettings["rateMode"], "auto">;
  /** The quota of all replicas together. */
  readonly ceiling: number | undefined;
  /** Start value of `adaptive`; absent: no limit until the first 429. */
  readonly initial: number | undefined;
  /** Longest time between two tries of a higher rate, in milliseconds. */
  readonly longestHoldMs: number;
}

/** The Redis server that replicas share. */
export interface RedisConfig extends Omit<Settings["redis"], "url"> {
  /** `redis://` or `rediss://`, without credentials. */
  readonly url: string;
}

/** Where the `request_id`s of CreateKey and RotateKey are kept. */
export type RequestIdsConfig = Config["requestIds"];
