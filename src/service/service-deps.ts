/** The dependencies of the handlers. */
import type { CallContext } from "../grpc/call/call-context.ts";
import type { ItemOutcome } from "../grpc/call/call-observer.ts";
import type { IdempotencyStore } from "../idempotency-store/store.ts";
import type { ApiDialect } from "../platform/api-dialect.ts";
import type { Clock } from "../platform/clock.ts";
import type { KeyProtect } from "./key-protect.ts";

/** A way by which the gateway reaches an instance. */
export interface InstanceEndpoint {
  readonly serviceUrl: string;
  /**
   * IP addresses and networks from which Key Protect gets the requests. `undefined`: not known,
   * because the gateway cannot see its address behind a NAT gateway or a proxy.
   */
  readonly egressAddresses?: readonly string[] | undefined;
}

/** Times of streams, in milliseconds. */
export interface StreamTimes {
  /** A stream ends if its caller neither sends a message nor takes an answer for this long. */
  readonly idleMs: number;
  /** Time that each item has, with all attempts. */
  readonly itemMs: number;
}

/** Dependencies of all handlers. Each service uses some of them. */
export interface ServiceDeps {
  /** The instance that a call is for. */
  readonly keyProtectOf: (context: CallContext) => KeyProtect;
  /**
   * The API dialect of that instance; `undefined` if it is not known. With it, an import in the
   * form of the other dialect is rejected without a request.
   */
  readonly dialectOf: (context: CallContext) => ApiDialect | undefined;
  /** Every way by which this gateway reaches that instance, under whatever alias. */
  readonly endpointsOf: (context: CallContext) => readonly InstanceEndpoint[];
  /** ID of that instance at Key Protect. */
  readonly instanceIdOf: (context: CallContext) => string;
  /** Observes the items of calls with many items. Must not throw. */
  readonly itemEnded: (outcome: ItemOutcome) => void;
  /** Times of streams. */
  readonly streams: StreamTimes;
  /** Checks that an expiry lies in the future, and times the repetition of items. */
  readonly clock: Clock;
  /** `undefined`: requests with an ID are rejected. */
  readonly idempotency: IdempotencyDeps | undefined;
}

/** Dependencies of the support for request IDs. */
export interface IdempotencyDeps {
  readonly store: IdempotencyStore;
  /** Whether the instance of a call is used with the caller's own token. */
  readonly isTokenPassedThrough: (context: CallContext) => boolean;
  /** Makes a read that needs nothing but an accepted token. Used if the token is passed through. */
  readonly readWithToken: (context: CallContext) => Promise<unknown>;
  /** An ID of the call's instance that all replicas share; its alias may differ between them. */
  readonly instanceIdOf: (context: CallContext) => string;
  readonly clock: Clock;
}
