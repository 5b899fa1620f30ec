/** The parts of one RPC that all its calls share. */
import type { Rpc } from "../../rpc-table.ts";
import type { InterceptedHandler } from "../interceptors/interceptor.ts";
import type { ActiveCalls } from "./active-calls.ts";
import type { CallContextDeps } from "./call-context.ts";
import type { CallObserver } from "./call-observer.ts";

/** Encodes a response. Must copy its bytes: the response is zeroed afterwards. */
export type Encode<Res> = (response: Res) => Buffer;

/** Dependencies of calls; the same for all of them. */
export interface CallDeps extends CallContextDeps {
  readonly activeCalls: ActiveCalls;
  /** Notified of the start and end of every call. One that throws is logged and skipped. */
  readonly observers: readonly CallObserver[];
  /**
   * Largest encoded response in bytes. The call itself rejects a larger one, because grpc-js would
   * do so without details and without an observer noticing.
   */
  readonly maxSendBytes: number;
  /**
   * Whether no answer can reach the caller, because the HTTP/2 session of its connection is over.
   * Default: never, so that only an event of the call tells.
   */
  readonly isSessionOver?: (session: object) => boolean;
}

/** One RPC with all that its calls need. */
export interface UnaryMethod<Req, Res> extends CallDeps {
  readonly rpc: Rpc;
  readonly handler: InterceptedHandler<Req, Res>;
  readonly encode: Encode<Res>;
}
