/** The messages that the console's page gets as events. The page's own code uses these types. */
import type { GatewayState, InstanceState } from "../observability/state.ts";
import type { PriorityClass } from "../rpc-table.ts";

/** The phases of the rate, in the order of their codes in a history. */
export const phases = ["unpaced", "slow-start", "hold", "probe", "blackout"] as const;

/** The states of a circuit, in the order of their codes in a history. `off`: there is none. */
export const circuitStates = ["off", "closed", "halfOpen", "open"] as const;

/** The priority classes, the first served first. */
export const queueClasses = [
  "interactive",
  "management",
  "bulk",
] as const satisfies readonly PriorityClass[];

/** Groups of methods whose latencies are shown apart. `wrap` includes GenerateDataKey. */
export const methodGroups = ["wrap", "unwrap", "other"] as const;

/** A group of methods. */
export type MethodGroup = (typeof methodGroups)[number];

/** The state of an instance in a word. */
export type StateWord =
  | "serving"
  | "at quota"
  | "throttled"
  | "recovering"
  | "circuit open"
  | "no token"
  | "draining";

/** One second of one instance. */
export interface Point {
  /** Requests per second that are let through; `null` while the rate is not limited. */
  readonly allowed: number | null;
  /** The highest rate that Key Protect has accepted. */
  readonly safe: number | null;
  /** Exchanges per second. */
  readonly sent: number;
  /** Exchanges of this second that were answered with 429. */
  readonly throttled: number;
  readonly queue: Readonly<Record<PriorityClass, number>>;
  readonly phase: InstanceState["rate"]["phase"];
  readonly data: (typeof circuitStates)[number];
  readonly management: (typeof circuitStates)[number];
}

/** Calls that ended in one second, by method group and by bucket of their time. */
export type LatencyCounts = Readonly<Record<MethodGroup, readonly number[]>>;

/** A percentile of the last seconds in seconds, by group; `null` without calls. */
export type Quantiles = Readonly<Record<MethodGroup | "all", number | null>>;

/** A call that did not succeed, as the access log has it. */
export interface FailedCall {
  /** Ascending from 1. */
  readonly id: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** For example `WrapKey`. */
  readonly method: string;
  /** Name of the gRPC status. */
  readonly code: string;
  /** The reason in its `ErrorInfo`; empty if it has none. */
  readonly reason: string;
  readonly instance: string;
  readonly durationMs: number;
  /** Requests to Key Protect for this call. */
  readonly attempts: number;
  /** HTTP status of the newest response of Key Protect. */
  readonly upstreamStatus: number | null;
  readonly correlationId: string;
  /** Present only if the configuration lets the console name callers. */
  readonly caller?: string;
}

/** The calls of one caller to one instance in the last minute. */
export interface CallerShare {
  /** The caller's identity, or a number if the console does not name callers. */
  readonly name: string;
  /** Calls that ended. */
  readonly calls: number;
  /** Requests to Key Protect for these calls. */
  readonly requests: number;
  /** These requests in percent of all callers'. */
  readonly percent: number;
  /** Calls that wait for quota now. */
  readonly waiting: number;
  /** Calls that failed without a request to Key Protect. */
  readonly refused: number;
  /** Calls that failed after a request to Key Protect. */
  readonly failed: number;
}

/** An instance beside its state: what is derived from the last seconds. */
export interface InstanceSummary {
  readonly word: StateWord;
  /** A sentence about the word. */
  readonly why: string;
  /** Exchanges per second, in the last sample. */
  readonly sentPerSecond: number;
  /** Exchanges that were answered with 429, in the last minute. */
  readonly throttledInMinute: number;
}

/** Event `history`, the first one: the last 15 minutes in columns. */
export interface HistoryMessage {
  /** Alias of the instance that the columns are about. */
  readonly instance: string;
  /** Milliseconds since the Unix epoch, ascending. All columns have its length. */
  readonly times: readonly number[];
  readonly allowed: readonly (number | null)[];
  readonly safe: readonly (number | null)[];
  readonly sent: readonly number[];
  readonly throttled: readonly number[];
  readonly queue: Readonly<Record<PriorityClass, readonly number[]>>;
  /** Codes: places in `phases`. */
  readonly phase: readonly number[];
  /** Codes: places in `circuitStates`. */
  readonly data: readonly number[];
  readonly management: readonly number[];
  /** Of all instances. */
  readonly latency: Readonly<Record<MethodGroup, readonly (readonly number[])[]>>;
  readonly p50: Readonly<Record<MethodGroup | "all", readonly (number | null)[]>>;
  readonly p99: Readonly<Record<MethodGroup | "all", readonly (number | null)[]>>;
  /** Upper bounds of the buckets in seconds; one more bucket is for what is longer. */
  readonly bounds: readonly number[];
  readonly phases: typeof phases;
  readonly circuitStates: typeof circuitStates;
  readonly namesCallers: boolean;
  /** The newest last. */
  readonly failures: readonly FailedCall[];
}

/** Event `sample`, each second. */
export interface SampleMessage {
  readonly at: number;
  /** As `/state` shows it at this moment. */
  readonly state: GatewayState;
  readonly summaries: Readonly<Record<string, InstanceSummary>>;
  /** The texts of the table of instances: by alias, then by column. */
  readonly cells: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly point: Point;
  readonly latency: LatencyCounts;
  readonly p50: Quantiles;
  readonly p99: Quantiles;
  /** Of the instance that the page shows, the greatest share first. */
  readonly callers: readonly CallerShare[];
  /** Calls that have failed since the last event, the newest last. */
  readonly failures: readonly FailedCall[];
  /** Calls that have failed since the start. */
  readonly failureCount: number;
  /** Seconds until the certificate of the gRPC listeners expires; `null` without TLS. */
  readonly certificateSeconds: number | null;
}
