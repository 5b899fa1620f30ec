import type { Secret } from "../platform/secret.ts";
import type { ListenAddress, TcpAddress } from "./listen-address.ts";
import type { ApiDialect } from "../platform/api-dialect.ts";

/** Everything that can be set, checked and with every default filled in. */
export interface Config {
  /** Where gRPC is served; at least one. */
  readonly listen: readonly ListenAddress[];
  /** Where `/metrics`, `/state`, `/livez` and `/readyz` are served over HTTP. */
  readonly adminListen: TcpAddress;
  readonly logLevel: LogLevel;
  /** Whether server reflection is offered; `auto` has been decided. */
  readonly reflection: boolean;
  /** Whether gRPC listeners beyond loopback may do without TLS and without client certificates. */
  readonly allowPlaintext: boolean;
  /** Whether Key Protect and IAM may be reached over `http://` beyond loopback. */
  readonly allowInsecureUpstream: boolean;
  /** Absent: TCP listeners speak plaintext. */
  readonly tls: TlsConfig | undefined;
  /** At least one; aliases are unique. */
  readonly instances: readonly InstanceConfig[];
  /** Alias of the instance of calls that name none; always one of `instances`. */
  readonly defaultInstance: string;
  readonly limits: LimitsConfig;
  readonly drain: DrainConfig;
  readonly upstream: UpstreamConfig;
  readonly queue: QueueConfig;
  readonly retry: RetryConfig;
  readonly breaker: BreakerConfig;
  readonly coalesce: CoalesceConfig;
  readonly requestIds: RequestIdsConfig;
  readonly replicas: ReplicasConfig;
  /** Absent: nothing uses Redis. */
  readonly redis: RedisConfig | undefined;
  /** Absent: whoever reaches a listener may call it, but from beyond this machine nobody may destroy or disclose. */
  readonly policy: PolicyConfig | undefined;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** One Key Protect instance. */
export interface InstanceConfig {
  /** Name in the `x-kp-instance` metadata. */
  readonly alias: string;
  /** Origin of the service, without a path: `https://us-south.kms.cloud.ibm.com`. */
  readonly serviceUrl: string;
  /** UUID in lower case, sent as `Bluemix-Instance`. */
  readonly instanceId: string;
  readonly dialect: ApiDialect;
  readonly credential: InstanceCredential;
  readonly rate: RateConfig;
}

/** How an instance's quota is kept; rates in requests per second. */
export interface RateConfig {
  /** `auto` has been decided; `fixed` and `down-only` have a ceiling. */
  readonly mode: "adaptive" | "down-only" | "fixed" | "off";
  /** The quota of all replicas together. */
  readonly ceiling: number | undefined;
  /** Where `adaptive` starts; absent: unpaced until the first 429. */
  readonly initial: number | undefined;
  readonly longestHoldMs: number;
}

/** Whose access token goes upstream, and where the gateway's own comes from. */
export type InstanceCredential =
  | { readonly kind: "caller" }
  | { readonly kind: "apiKey"; readonly apiKey: Secret; readonly iamUrl: string }
  | { readonly kind: "apiKeyFile"; readonly path: string; readonly iamUrl: string };

/** TLS of the TCP listeners. Paths of PEM files. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Present: client certificates are required and have to be issued by one of these authorities. */
  readonly clientCaFile: string | undefined;
  /** SPIFFE trust domains whose identities are accepted; not empty if `clientCaFile` is present. */
  readonly trustDomains: readonly string[];
}

/** What one connection and one call may cost. */
export interface LimitsConfig {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  readonly maxMetadataBytes: number;
  readonly maxMetadataEntries: number;
  readonly maxConcurrentStreams: number;
  readonly maxDeadlineMs: number;
}

/** How the gateway stops. */
export interface DrainConfig {
  /** Serving goes on for this long after health turned NOT_SERVING, in milliseconds. */
  readonly delayMs: number;
  /** Calls in flight are ended after this long, in milliseconds, counted from the end of `delayMs`. */
  readonly graceMs: number;
}

/** Connections to Key Protect, for each instance. */
export interface UpstreamConfig {
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** PEM file of the authorities trusted instead of the system's. */
  readonly caFile: string | undefined;
  /** Takes the place of the RPC table's time for one attempt, in milliseconds. */
  readonly attemptTimeoutMs: number | undefined;
}

/** What may wait for one instance. */
export interface QueueConfig {
  readonly maxCalls: number;
  /** As time at the present rate, in milliseconds. */
  readonly maxWorkMs: number;
  /** Part of the queue that one caller may fill, in percent. */
  readonly maxCallerPercent: number;
}

/** What is tried again. */
export interface RetryConfig {
  /** Attempts of one call, the first included. */
  readonly maxAttempts: number;
  /** What repeats may add to the load of a host in the long run, in percent. */
  readonly budgetPercent: number;
}

/** When Key Protect is left alone. */
export interface BreakerConfig {
  readonly enabled: boolean;
  readonly failurePercent: number;
  readonly minimumRequests: number;
  /** For wraps and unwraps, in milliseconds; twice that for all else. */
  readonly resetMs: number;
  readonly longestResetMs: number;
}

/** What shares one request with its like that is under way. */
export interface CoalesceConfig {
  /** Reads of a key, its policies, the number of keys, the lockers. */
  readonly reads: boolean;
  readonly unwraps: boolean;
}

/** Where the `request_id`s of CreateKey and RotateKey are kept. */
export interface RequestIdsConfig {
  readonly store: "none" | "memory" | "redis";
  readonly keepMs: number;
}

/** Gateways that share the quotas. */
export interface ReplicasConfig {
  readonly count: number;
  readonly quotaShare: "static" | "redis";
}

/** The Redis server that replicas share. */
export interface RedisConfig {
  /** `redis://` or `rediss://`, without credentials. */
  readonly url: string;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  /** Instead of `password`. */
  readonly passwordFile: string | undefined;
  readonly caFile: string | undefined;
  readonly keyPrefix: string;
}

/** Who may call what. What no rule allows is denied. */
export interface PolicyConfig {
  readonly rules: readonly PolicyRule[];
}

/** Allows some callers some methods on some instances. */
export interface PolicyRule {
  /** SPIFFE IDs (a closing `/*` stands for any rest), `unix`, `anonymous` or `*`. */
  readonly callers: readonly string[];
  /** `KeysService/GetKey`, `KeyActionsService/*` or `*`. */
  readonly methods: readonly string[];
  /** Aliases, or `*`. */
  readonly instances: readonly string[];
}
