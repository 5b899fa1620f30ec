/** Keeps the promise of `request_id`: what carries the same ID is carried out once. */
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError } from "../../grpc/status/status-error.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { RequestParts } from "../../idempotency-store/store.ts";
import { RecordsError } from "../../idempotency-store/store-error.ts";
import { createRequestFlights, type FlightEnd } from "./_request-flights.ts";
import type { RequestIds } from "./options.ts";
import { createRequestLead, type Led, type Replay } from "./execute-once.ts";
import {
  earlierOutcomeUnknown,
  requestIdReused,
  requestIdUnsupported,
  storeUnavailable,
  subjectUnknown,
  endedWaiting,
} from "./errors.ts";
import { requestScope } from "./key-scope.ts";
import { raceSignal } from "../../platform/sleep.ts";

/** A change that is to happen once. */
export interface GuardedChange<T> {
  /** Empty: the change is not guarded. */
  readonly requestId: string;
  /** All fields of the request but the ID and material in the clear. */
  readonly fields: RequestParts["fields"];
  readonly material: Uint8Array | undefined;
  readonly make: (context: CallContext) => Promise<T>;
  /** The key that was made or changed. */
  readonly keyIdOf: (made: T) => string;
}

/** Either the change was made for this call, or for another one before. */
export type Guarded<T> = { readonly kind: "made"; readonly made: T } | Replay;

export type RequestGuard = <T>(
  context: CallContext,
  change: GuardedChange<T>,
) => Promise<Guarded<T>>;

/** An answer that every other attempt would get as well. Not so where the credential may be another, or the call's own end is the reason. */
const isShared = (error: unknown): boolean =>
  error instanceof StatusError ||
  (error instanceof KeyProtectError &&
    error.code === "REJECTED" &&
    error.httpStatus !== 401 &&
    error.httpStatus !== 403);

const notEnded = (error: unknown): undefined => {
  if (error instanceof RecordsError && error.code === "ENDED") return undefined;
  throw error;
};

/** Waits for the same request of another call; `undefined` if this call may try itself. */
async function join(context: CallContext, flight: Promise<FlightEnd>): Promise<Replay | undefined> {
  const { signal, attemptLog } = context;
  attemptLog.mayHaveBeenExecuted = true;
  const end = await raceSignal(flight, signal, () => endedWaiting(signal, true));
  if (end.kind === "done") return { kind: "replay", keyId: end.keyId, joined: true };
  if (end.kind === "unknown") throw earlierOutcomeUnknown(context);
  attemptLog.mayHaveBeenExecuted = false;
  if (end.kind === "refused") throw end.error;
  return undefined;
}

/** Creates the guard of one RPC. Without `requestIds` it refuses whatever carries an ID. */
export function createRequestGuard(requestIds: RequestIds | undefined): RequestGuard {
  if (requestIds === undefined) {
    return async (context, { requestId, make }) => {
      if (requestId !== "") throw requestIdUnsupported();
      return { kind: "made", made: await make(context) };
    };
  }
  const { records, isTokenPassedThrough, instanceIdOf } = requestIds;
  const lead = createRequestLead(requestIds);
  const flights = createRequestFlights();

  async function guarded<T>(
    context: CallContext,
    change: GuardedChange<T>,
    scope: readonly string[],
  ): Promise<Guarded<T>> {
    const { fields, material } = change;
    const { signal } = context;
    // Telling weak material from other material takes its time.
    const identity = await records.identify({ scope, fields, material }, signal).catch(notEnded);
    if (identity === undefined || signal.aborted) throw endedWaiting(signal, false);
    const key = `${identity.name} ${identity.fingerprint}`;
    for (let flight = flights.of(key); flight !== undefined; flight = flights.of(key)) {
      const replay = await join(context, flight);
      if (replay !== undefined) return replay;
    }
    const land = flights.open(key);
    let led: Led<T>;
    try {
      led = await lead(context, identity, change.make, change.keyIdOf);
    } catch (error) {
      land(isShared(error) ? { kind: "refused", error } : { kind: "free" });
      throw error;
    }
    if (led.kind === "reused") {
      // Whoever waits brought the same fields, and will find the same record.
      land({ kind: "free" });
      throw requestIdReused();
    }
    if (led.kind === "made" || led.kind === "replay") {
      land({ kind: "done", keyId: led.keyId });
      return led;
    }
    land({ kind: "unknown" });
    throw led.kind === "ambiguous" ? led.error : earlierOutcomeUnknown(context);
  }

  return async (context, change) => {
    const { requestId, make } = change;
    if (requestId === "") return { kind: "made", made: await make(context) };
    const scope = requestScope(
      context,
      requestId,
      isTokenPassedThrough(context),
      instanceIdOf(context),
    );
    if (scope === undefined) throw subjectUnknown();
    try {
      return await guarded(context, change, scope);
    } catch (error) {
      throw error instanceof RecordsError ? storeUnavailable(error) : error;
    }
  };
}
