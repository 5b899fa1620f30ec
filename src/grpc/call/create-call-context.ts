import type { ServerUnaryCall } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { CallSignal } from "../../platform/call-signal.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Rpc } from "../../rpc-table.ts";
import type { CallContext } from "./call-context.ts";
import type { CallObserver } from "./call-observer.ts";
import type { CallRegistry } from "./active-calls.ts";
import { correlationIdOf } from "./correlation-id.ts";
import { allowedMs, type DeadlineRules } from "./deadline.ts";
import type { Peer, PeerCall } from "./peer.ts";

/** What all calls share. */
export interface CallSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: CallRegistry;
  readonly deadlines: DeadlineRules;
  /** Told of every call's beginning and end. One that throws is logged and passed over. */
  readonly observers: readonly CallObserver[];
  /** Makes the correlation ID of a call whose caller sent none: a random UUID. */
  readonly createId: () => string;
  readonly peerOf: (call: PeerCall) => Peer;
}

/** What is known of a call when it arrives. `remaining` are the milliseconds until the caller's own deadline. */
export function createCallContext(
  { clock, logger, deadlines, createId, peerOf }: CallSurroundings,
  rpc: Rpc,
  call: ServerUnaryCall<unknown, unknown>,
  remaining: number,
  signal: CallSignal,
): CallContext {
  const { peer, certificateUri, certificateProblem } = peerOf(call);
  return {
    rpc,
    correlationId: correlationIdOf(call.metadata, createId),
    metadata: call.metadata,
    peer,
    certificateUri,
    certificateProblem,
    caller: "anonymous",
    instance: "",
    callerToken: undefined,
    deadline: clock.now() + allowedMs(remaining, rpc.defaultDeadlineMs, deadlines),
    signal,
    attemptLog: { attempts: 0, httpStatus: undefined },
    logger,
  };
}
