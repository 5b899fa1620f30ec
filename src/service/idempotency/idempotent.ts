/** The support for `request_id`: requests with the same ID are executed once. */
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError } from "../../grpc/status/status-error.ts";
import { StoreError } from "../../idempotency-store/store-error.ts";
import type {
  IdempotencyStore,
  RequestIdentity,
  RequestParts,
} from "../../idempotency-store/store.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { raceSignal } from "../../platform/sleep.ts";
import type { IdempotencyDeps } from "../service-deps.ts";
import {
  earlierOutcomeUnknown,
  endedWaiting,
  requestIdReused,
  requestIdUnsupported,
  storeUnavailable,
  subjectUnknown,
} from "./errors.ts";
import { executeOnce, type Execution, type IdempotentChange } from "./execute-once.ts";
import { requestScope } from "./key-scope.ts";
import { createTokenProof } from "./token-proof.ts";

/** An execution after which the change is known to be made, by this call or by an earlier one. */
export type Executed<T> = Extract<Execution<T>, { readonly kind: "made" | "replay" }>;

/** Makes a change once per request ID. Rejects if the change was not made, or may not have been. */
export type Idempotent = <T>(
  context: CallContext,
  change: IdempotentChange<T>,
) => Promise<Executed<T>>;

/** Whether a rejection may be about the token, so that another one may be accepted. */
const mayConcernToken = ({ httpStatus, reasons, callerTokenAge }: KeyProtectError): boolean =>
  httpStatus === 401 ||
  httpStatus === 403 ||
  callerTokenAge === "expired" ||
  reasons.some(({ code }) => code === "BEARER_SUB_EXTRACTION_ERR");

/**
 * Whether a failure holds for all calls with the same request: errors of the gateway itself, and
 * rejections by Key Protect. Excluded are rejections that may be about the token, and the end of
 * the leader's own call.
 */
const isDefinitive = (error: unknown): boolean =>
  error instanceof StatusError ||
  (error instanceof KeyProtectError && error.code === "REJECTED" && !mayConcernToken(error));

/**
 * The leader's execution as a call that waited for it takes it; `undefined` if that call has to
 * execute the request itself.
 */
function forFollower(execution: Execution<unknown>): Execution<never> | undefined {
  const { kind } = execution;
  if (kind === "made" || kind === "replay") {
    return { kind: "replay", keyId: execution.keyId, joined: true };
  }
  if (kind === "unknown") return { kind };
  if (kind === "failed" && isDefinitive(execution.error)) return execution;
  // Also after `reused`: the ID may be free by the time the follower reads the record. A refused
  // token says nothing about that of the follower.
  return undefined;
}

/** The result of an execution for one call. Throws unless the change is known to be made. */
function resultOf<T>(execution: Execution<T>, context: CallContext): Executed<T> {
  if (execution.kind === "made" || execution.kind === "replay") return execution;
  if (execution.kind === "reused") throw requestIdReused();
  if (!("error" in execution)) throw earlierOutcomeUnknown(context);
  throw execution.error;
}

/** Computes the identity of a request. Rejects if the call ends before. */
async function identify(
  store: IdempotencyStore,
  parts: RequestParts,
  signal: CallContext["signal"],
): Promise<RequestIdentity> {
  try {
    const identity = await store.identify(parts, signal);
    if (!signal.aborted) return identity;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code !== "ENDED") throw storeUnavailable(error);
  }
  throw endedWaiting(signal, false);
}

/** Creates the support of one RPC. Without `deps`, requests with an ID are rejected. */
export function createIdempotent(deps: IdempotencyDeps | undefined): Idempotent {
  /** The executions of this process that are under way. Their promises never reject. */
  const running = new Map<string, Promise<Execution<unknown>>>();

  async function execute<T>(
    idempotency: IdempotencyDeps,
    context: CallContext,
    change: IdempotentChange<T>,
    scope: readonly string[],
  ): Promise<Executed<T>> {
    const { signal, attemptLog } = context;
    const parts = { scope, fields: change.fields, material: change.material };
    const identity = await identify(idempotency.store, parts, signal);
    const key = `${identity.name} ${identity.fingerprint}`;
    const proveToken = createTokenProof(idempotency, context);
    for (let leader = running.get(key); leader !== undefined; leader = running.get(key)) {
      const refusal = await proveToken();
      if (refusal !== undefined) throw refusal;
      attemptLog.mayHaveBeenExecuted = true;
      const ended = await raceSignal(leader, signal, () => endedWaiting(signal, true));
      const execution = forFollower(ended);
      attemptLog.mayHaveBeenExecuted = execution !== undefined && execution.kind !== "failed";
      if (execution !== undefined) return resultOf(execution, context);
    }
    // No `await` since the last look at `running`: there is one leader at a time.
    const execution = executeOnce(idempotency, context, identity, change, proveToken).finally(() =>
      running.delete(key),
    );
    running.set(key, execution);
    return resultOf(await execution, context);
  }

  return async (context, change) => {
    const { requestId, make, keyIdOf } = change;
    if (requestId === "") {
      const made = await make(context);
      return { kind: "made", made, keyId: keyIdOf(made) };
    }
    if (deps === undefined) throw requestIdUnsupported();
    const scope = requestScope(
      context,
      requestId,
      deps.isTokenPassedThrough(context),
      deps.instanceIdOf(context),
    );
    if (scope === undefined) throw subjectUnknown();
    return execute(deps, context, change, scope);
  };
}
