/** The part of the one call, among those of a process with the same request ID, that deals with the record and makes the change. */
import { randomUUID } from "node:crypto";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { RequestIdentity, Settlement } from "../../idempotency-store/store.ts";
import { RecordsError } from "../../idempotency-store/store-error.ts";
import { toStatusError } from "../errors/to-status-error.ts";
import type { RequestIds } from "./options.ts";
import { outlive } from "./grace-period.ts";
import { storeUnavailable, endedWaiting } from "./errors.ts";
import { sleep } from "../../platform/sleep.ts";

/** A change that was made before, for another call; `joined`: while this one waited. */
export interface Replay {
  readonly kind: "replay";
  readonly keyId: string;
  readonly joined: boolean;
}

/**
 * How a request ended. `ambiguous`: this call tried, and nobody knows whether the change happened; `unknown`: so it was with an earlier call;
 * `reused`: the ID belongs to a request with other fields.
 */
export type Led<T> =
  | { readonly kind: "made"; readonly made: T; readonly keyId: string }
  | Replay
  | { readonly kind: "ambiguous"; readonly error: unknown }
  | { readonly kind: "unknown" | "reused" };

/** Settles a request. Rejects if the change was certainly not made. */
export type RequestLead = <T>(
  context: CallContext,
  identity: RequestIdentity,
  make: (context: CallContext) => Promise<T>,
  keyIdOf: (made: T) => string,
) => Promise<Led<T>>;

/** Another replica's record is looked at again after so long, twice as long each time, in milliseconds. */
const firstPollMs = 50;
const longestPollMs = 250;

/** What a claim lasts beyond the call's deadline, for the exchange that outlives it and for the store, in milliseconds. */
const leaseReserveMs = 10_000;
const longestLeaseMs = 3_600_000;

export function createRequestLead({ records, clock }: RequestIds): RequestLead {
  /** Tells the record how it ended. What cannot be told reads as unknown once the lease is over. */
  async function settle(
    { rpc, correlationId, logger }: CallContext,
    identity: RequestIdentity,
    claimant: string,
    settlement: Settlement,
  ): Promise<void> {
    try {
      await records.settle(identity, claimant, settlement);
    } catch (error) {
      const code = error instanceof RecordsError ? error.code : "UNKNOWN";
      const line = { correlationId, method: rpc.method, code, settlement: settlement.kind };
      logger.warn(line, "the record of a request ID could not be brought up to date");
    }
  }

  return async (context, identity, make, keyIdOf) => {
    const { signal, deadline, attemptLog } = context;
    const claimant = randomUUID();
    let joined = false;

    const claim = async () => {
      const leaseMs = Math.min(
        Math.max(deadline - clock.now(), 0) + leaseReserveMs,
        longestLeaseMs,
      );
      try {
        return await records.claim(identity, claimant, leaseMs);
      } catch (error) {
        // It may have come about although its confirmation got lost. Nobody has to wait for it to be taken back.
        records.settle(identity, claimant, { kind: "nothing" }).catch(() => {});
        throw error instanceof RecordsError ? storeUnavailable(error, joined) : error;
      }
    };

    let claimed = await claim();
    for (let waitMs = firstPollMs; claimed.kind === "running"; waitMs *= 2) {
      joined = true;
      attemptLog.mayHaveBeenExecuted = true;
      await sleep(Math.min(waitMs, longestPollMs), signal, clock);
      if (signal.aborted) throw endedWaiting(signal, true);
      claimed = await claim();
    }
    if (claimed.kind === "done") return { kind: "replay", keyId: claimed.keyId, joined };
    if (claimed.kind !== "claimed") return { kind: claimed.kind };

    attemptLog.mayHaveBeenExecuted = false;
    let made: Awaited<ReturnType<typeof make>>;
    try {
      made = await outlive(context, clock, make);
    } catch (error) {
      // What the caller is told and what the record says have one source.
      const { mayHaveExecuted } = toStatusError(error, context, {}).details;
      const isUnknown = mayHaveExecuted === true || attemptLog.mayHaveBeenExecuted;
      await settle(context, identity, claimant, { kind: isUnknown ? "unknown" : "nothing" });
      if (isUnknown) return { kind: "ambiguous", error };
      throw error;
    }
    const keyId = keyIdOf(made);
    await settle(context, identity, claimant, { kind: "done", keyId });
    return { kind: "made", made, keyId };
  };
}
