/**
 * Which version of the root key encrypts, and whether it can be used. Both come from wraps: a wrap
 * needs the permission that Encrypt needs, and its answer names the version that Encrypt will use.
 */
import { status } from "@grpc/grpc-js";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { type Reason, StatusError } from "../../grpc/status/status-error.ts";
import { CallEnded, CallLifetime } from "../../platform/call-signal.ts";
import type { Clock } from "../../platform/clock.ts";
import { settlesWithin } from "../../platform/sleep.ts";

/** Options of `createKeyVersionStatus`. */
export interface KeyVersionStatusOptions {
  /** Wraps something with the root key and resolves with the ID of the version used. */
  readonly wrap: (context: CallContext) => Promise<string>;
  /** How long a successful wrap counts while later ones fail for the time being, in ms. */
  readonly maxStalenessMs: number;
  /** The caller of the endpoint, for the log. */
  readonly caller: string;
  readonly clock: Clock;
}

/** The content of an answer of Status. */
export interface KeyVersionHealth {
  /**
   * The version that encrypts. `undefined` if none is known, or if the key cannot be used: the API
   * server then stops to write after three minutes.
   */
  readonly keyVersionId: string | undefined;
  /** Why the key cannot be used; `undefined`: it can. */
  readonly failure: Reason | undefined;
}

/** The state of a root key's newest version. */
export interface KeyVersionStatus {
  /** Notes which version a wrap used that began at `startedAt` (milliseconds of `clock.now()`). */
  wrapped(keyVersionId: string, startedAt: number, logger: CallContext["logger"]): void;
  /** Makes a wrap if the last one is too old, and resolves by the call's deadline. */
  current(context: CallContext): Promise<KeyVersionHealth>;
}

/** Age at which a successful wrap is repeated, in milliseconds. */
const refreshMs = 15_000;
/** Time between two wraps while they fail, in milliseconds. The API server asks again after 3 s. */
const retryMs = 3_000;
/** Time-out of a wrap, in milliseconds. The API server gives a call 3 s by default. */
const wrapTimeoutMs = 2_500;
/** How long a call waits for a wrap if an earlier one still counts, in milliseconds. */
const patienceMs = 1_000;
/** Time that a call keeps for its answer, in milliseconds. */
const reserveMs = 50;

interface Failure {
  readonly reason: Reason;
  readonly isPermanent: boolean;
  readonly at: number;
}

/** Statuses that say nothing about the key: the next attempt may succeed. */
const transientCodes: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
]);

/** Reasons with the status INTERNAL that say nothing about the key either. */
const transientReasons: ReadonlySet<Reason> = new Set<Reason>([
  "GATEWAY_INTERNAL",
  "UPSTREAM_BAD_RESPONSE",
  "UPSTREAM_INTERNAL",
  "UPSTREAM_TLS_FAILURE",
]);

function toFailure(error: unknown, at: number): Failure {
  if (!(error instanceof StatusError)) {
    return { reason: "GATEWAY_INTERNAL", isPermanent: false, at };
  }
  const { code, reason } = error;
  return { reason, isPermanent: !transientCodes.has(code) && !transientReasons.has(reason), at };
}

/** Creates the state. Nothing is known before the first wrap. */
export function createKeyVersionStatus(options: KeyVersionStatusOptions): KeyVersionStatus {
  const { wrap, maxStalenessMs, caller, clock } = options;
  /** The newest successful wrap; `at` is when it began. */
  let good: { readonly keyVersionId: string; readonly at: number } | undefined;
  /** The last failure since then. */
  let failure: Failure | undefined;
  let pending: Promise<void> | undefined;
  /** Whether the last answer was good; `undefined` before the first. */
  let isHealthy: boolean | undefined;

  const wrapped: KeyVersionStatus["wrapped"] = (keyVersionId, startedAt, logger) => {
    // Of two wraps at a time, the one that began last tells the newest version.
    if (good !== undefined && startedAt < good.at) return;
    if (good !== undefined && good.keyVersionId !== keyVersionId) {
      logger.info({ caller, keyVersionId }, "an endpoint encrypts with another version of its key");
    }
    good = { keyVersionId, at: startedAt };
    if (failure !== undefined && failure.at <= startedAt) failure = undefined;
  };
  const failed = (error: unknown, startedAt: number): void => {
    if (good !== undefined && startedAt < good.at) return;
    const found = toFailure(error, startedAt);
    // Only a success refutes that the key cannot be used.
    failure = failure?.isPermanent && !found.isPermanent ? { ...failure, at: startedAt } : found;
  };
  /** Outlives the call that began it, because other calls wait for it too. */
  const refresh = async (context: CallContext): Promise<void> => {
    const startedAt = clock.now();
    const signal = new CallLifetime();
    const timer = clock.after(wrapTimeoutMs, () => signal.end(new CallEnded("deadline")));
    try {
      const keyVersionId = await wrap({ ...context, signal, deadline: startedAt + wrapTimeoutMs });
      wrapped(keyVersionId, startedAt, context.logger);
    } catch (error) {
      failed(error, startedAt);
    } finally {
      timer.cancel();
      pending = undefined;
    }
  };
  const isFresh = (): boolean =>
    good !== undefined && clock.now() - good.at <= maxStalenessMs && !failure?.isPermanent;
  const isDue = (): boolean => {
    if (failure !== undefined) return clock.now() - failure.at >= retryMs;
    return good === undefined || clock.now() - good.at >= refreshMs;
  };
  const health = (): KeyVersionHealth => {
    if (failure?.isPermanent) return { keyVersionId: undefined, failure: failure.reason };
    const keyVersionId = good?.keyVersionId;
    return isFresh()
      ? { keyVersionId, failure: undefined }
      : { keyVersionId, failure: failure?.reason ?? "DEADLINE_UPSTREAM" };
  };

  return {
    wrapped,
    async current(context) {
      if (isDue()) pending ??= refresh(context);
      if (pending !== undefined) {
        const leftMs = context.deadline - clock.now() - reserveMs;
        await settlesWithin(clock, isFresh() ? Math.min(patienceMs, leftMs) : leftMs, pending);
      }
      const found = health();
      const wasHealthy = isHealthy;
      isHealthy = found.failure === undefined;
      if (!isHealthy && wasHealthy !== false) {
        context.logger.warn({ caller, reason: found.failure }, "an endpoint's Status is not ok");
      } else if (isHealthy && wasHealthy === false) {
        context.logger.info({ caller }, "an endpoint's Status is ok again");
      }
      return found;
    },
  };
}
