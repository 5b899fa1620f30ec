/**
 * The execution of a request with an ID. Of the calls of one process that carry the same request,
 * one executes it: it reads and updates the record in the store and makes the change.
 */
import { randomUUID } from "node:crypto";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { StatusError } from "../../grpc/status/status-error.ts";
import { StoreError } from "../../idempotency-store/store-error.ts";
import type {
  BeginResult,
  Completion,
  RequestIdentity,
  RequestParts,
} from "../../idempotency-store/store.ts";
import { sleep } from "../../platform/sleep.ts";
import { toStatusError } from "../errors/to-status-error.ts";
import type { IdempotencyDeps } from "../service-deps.ts";
import { endedWaiting, storeUnavailable } from "./errors.ts";
import { withGracePeriod } from "./grace-period.ts";
import type { ProveToken } from "./token-proof.ts";

/** A change that must happen at most once per request ID. */
export interface IdempotentChange<T> {
  /** Empty: the change is made without a record. */
  readonly requestId: string;
  /** All fields of the request, without its ID and without material in the clear. */
  readonly fields: RequestParts["fields"];
  readonly material: Uint8Array | undefined;
  readonly make: (context: CallContext) => Promise<T>;
  /** The key that was made or changed. */
  readonly keyIdOf: (made: T) => string;
}

/**
 * How the execution of a request ended.
 *
 * - `made`: this call made the change.
 * - `replay`: an earlier call made it; `joined` if this call waited for that call.
 * - `unknown`: it may or may not have been made. With `error`, this call tried and failed so;
 *   without, an earlier call did.
 * - `reused`: the ID belongs to a request with other fields.
 * - `refused`: there is a record, and this call's token was not proven to be genuine.
 * - `failed`: this call certainly did not make the change.
 */
export type Execution<T> =
  | { readonly kind: "made"; readonly made: T; readonly keyId: string }
  | { readonly kind: "replay"; readonly keyId: string; readonly joined: boolean }
  | { readonly kind: "unknown"; readonly error?: unknown }
  | { readonly kind: "reused" }
  | { readonly kind: "refused"; readonly error: StatusError }
  | { readonly kind: "failed"; readonly error: unknown };

/**
 * First and longest wait, in milliseconds, before the record of a request that another process
 * executes is read again. The wait doubles each time.
 */
const firstPollMs = 50;
const longestPollMs = 250;

/**
 * How long a record stays reserved without a confirmation, in milliseconds. Longer than the store
 * takes for two answers. A repeated request waits for this time at most if an answer was lost.
 */
const reserveMs = 1_000;
/**
 * How long a lease lasts beyond the deadline: for the grace period and the store, in milliseconds.
 */
const leaseReserveMs = 10_000;
const longestLeaseMs = 3_600_000;

/** How a claim of a record can end. */
type Claim =
  | Exclude<BeginResult, { readonly kind: "running" }>
  | Extract<Execution<never>, { readonly kind: "refused" }>;

/** Executes a request unless the store says that it was executed. Never rejects. */
export async function executeOnce<T>(
  deps: IdempotencyDeps,
  context: CallContext,
  identity: RequestIdentity,
  change: IdempotentChange<T>,
  proveToken: ProveToken,
): Promise<Execution<T>> {
  const { store, clock } = deps;
  const { signal, deadline, attemptLog } = context;
  const owner = randomUUID();
  let joined = false;

  /** Reads the record or reserves it. A reservation whose answer was lost ends by itself. */
  const begin = async (): Promise<BeginResult> => {
    try {
      return await store.begin(identity, owner, reserveMs);
    } catch (error) {
      throw error instanceof StoreError ? storeUnavailable(error, joined) : error;
    }
  };

  /** Takes the reserved record over. Only after `true` may the change be sent. */
  const confirm = async (): Promise<boolean> => {
    const remainingMs = Math.max(deadline - clock.now(), 0);
    try {
      const leaseMs = Math.min(remainingMs + leaseReserveMs, longestLeaseMs);
      return await store.confirm(identity, owner, leaseMs);
    } catch (error) {
      // The record may say that the change is being made. The call does not wait for this.
      store.complete(identity, owner, { kind: "nothing" }).catch(() => {});
      throw error instanceof StoreError ? storeUnavailable(error) : error;
    }
  };

  /** Reads the record until it has an outcome, or until this owner may execute the request. */
  const claim = async (): Promise<Claim> => {
    for (let waitMs = firstPollMs; ; waitMs *= 2) {
      const begun = await begin();
      if (begun.kind === "begun") {
        attemptLog.mayHaveBeenExecuted = false;
        if (await confirm()) return begun;
      }
      // A replay is answered only after a read of the key, which proves the token too.
      const refusal = begun.kind === "done" ? undefined : await proveToken();
      if (refusal !== undefined) return { kind: "refused", error: refusal };
      if (begun.kind !== "begun" && begun.kind !== "running") return begun;
      // Another owner executes the request, or the reservation ended before it was confirmed.
      joined = true;
      attemptLog.mayHaveBeenExecuted = true;
      await sleep(Math.min(waitMs, longestPollMs), signal, clock);
      if (signal.aborted) throw endedWaiting(signal, true);
    }
  };

  /**
   * Updates the record. If the store cannot be reached for long, the record reads as `unknown`
   * after its lease.
   */
  const complete = async (completion: Completion): Promise<void> => {
    try {
      await store.complete(identity, owner, completion);
    } catch (error) {
      const { rpc, correlationId, logger } = context;
      const code = error instanceof StoreError ? error.code : "UNKNOWN";
      const line = { correlationId, method: rpc.method, code, settlement: completion.kind };
      logger.warn(line, "the record of a request ID could not be brought up to date");
    }
  };

  try {
    const begun = await claim();
    if (begun.kind === "done") return { kind: "replay", keyId: begun.keyId, joined };
    if (begun.kind !== "begun") return begun;
    let made: T;
    try {
      made = await withGracePeriod(context, clock, change.make);
    } catch (error) {
      // The record says what the caller is told: both follow from `mayHaveExecuted`.
      const { mayHaveExecuted } = toStatusError(error, context).details;
      const isUnknown = mayHaveExecuted === true || attemptLog.mayHaveBeenExecuted;
      await complete({ kind: isUnknown ? "unknown" : "nothing" });
      return { kind: isUnknown ? "unknown" : "failed", error };
    }
    const keyId = change.keyIdOf(made);
    await complete({ kind: "done", keyId });
    return { kind: "made", made, keyId };
  } catch (error) {
    return { kind: "failed", error };
  }
}
