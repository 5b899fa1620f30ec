/** The boundary between promise handlers and the callbacks of grpc-js. */
import type { deserialize, handleUnaryCall, serialize } from "@grpc/grpc-js";
import type { Rpc } from "../../rpc-table.ts";
import { chain, type Interceptor, type UnaryHandler } from "../interceptors/interceptor.ts";
import { InboundCall } from "./inbound-call.ts";
import type { CallDeps, Encode } from "./unary-method.ts";

/** Options of `createUnary`. */
export interface UnaryOptions extends CallDeps {
  /** Run between the arrival of a call and its handler; the first is the outermost. */
  readonly interceptors: readonly Interceptor[];
}

/** Creates the grpc-js handler of one RPC from a promise handler. Its responses are encoded. */
export type Unary = <Req, Res>(
  rpc: Rpc,
  handler: UnaryHandler<Req, Res>,
  encode: Encode<Res>,
) => handleUnaryCall<Req, Buffer>;

/**
 * Turns promise handlers into grpc-js handlers. Every call is answered exactly once, whether its
 * handler resolves, rejects, throws or never settles (see `InboundCall`). The response is encoded
 * before anything is sent, so a response that cannot be encoded is still an error with details.
 */
export function createUnary({ interceptors, ...deps }: UnaryOptions): Unary {
  const intercept = chain(interceptors);
  return (rpc, handler, encode) => {
    const method = { ...deps, rpc, encode, handler: intercept(handler, rpc) };
    return (call, callback) => {
      void new InboundCall(method, call, callback).run();
    };
  };
}

/** The decoder of an RPC. It zeroes the frame, whose fields the message has copied. */
export const decodeAndZeroize =
  (decode: deserialize<unknown>): deserialize<unknown> =>
  (bytes) => {
    try {
      return decode(bytes);
    } finally {
      bytes.fill(0);
    }
  };

/** The serializer of an RPC. `InboundCall` has already encoded the response. */
export const asEncoded: serialize<unknown> = (message) => {
  if (!Buffer.isBuffer(message)) throw new TypeError("the response is not encoded");
  return message;
};
