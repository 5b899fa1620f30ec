/** The promise side and the callback side of a unary call meet here and nowhere else. */
import type { handleUnaryCall } from "@grpc/grpc-js";
import type { Rpc } from "../../rpc-table.ts";
import type { CallSurroundings } from "./create-call-context.ts";
import { type Encode, InboundCall } from "./inbound-call.ts";
import { chain, type Interceptor, type UnaryHandler } from "../interceptors/interceptor.ts";
import { limitEncoded } from "./_limit-encoded.ts";
import { noteCaller } from "../interceptors/note-caller.ts";

/** What it takes to turn promise handlers into grpc-js ones. */
export interface UnaryOptions extends CallSurroundings {
  /** Between the call's arrival and its handler; the first is the outermost. */
  readonly interceptors: readonly Interceptor[];
  /** Largest response in bytes; for a larger one the library would answer, without details and uncounted. */
  readonly maxSendBytes: number;
}

/** Makes the grpc-js handler of one RPC. Its responses are already encoded: `encode` is part of the call. */
export type Unary = <Req, Res>(
  rpc: Rpc,
  handler: UnaryHandler<Req, Res>,
  encode: Encode<Res>,
) => handleUnaryCall<Req, Buffer>;

/**
 * Turns promise handlers into grpc-js handlers that answer exactly once, whatever the handler does: resolves,
 * rejects, throws, or never settles. The response is encoded before anything is sent, so that one that cannot be
 * encoded is still an error with details.
 */
export function createUnary({ interceptors, maxSendBytes, ...around }: UnaryOptions): Unary {
  const intercept = chain(interceptors.flatMap((interceptor) => [interceptor, noteCaller]));
  return (rpc, handler, encode) => {
    const intercepted = intercept(handler);
    const bounded = limitEncoded(encode, maxSendBytes, rpc);
    return (call, callback) => {
      new InboundCall(around, rpc, bounded, call, callback).run(intercepted);
    };
  };
}
