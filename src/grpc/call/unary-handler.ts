/** The boundary between promise handlers and the callbacks of grpc-js. */
import type { deserialize, handleUnaryCall, serialize } from "@grpc/grpc-js";
import type { Rpc } from "../../rpc-table.ts";
import { chain, type Interceptor, type UnaryHandler } from "../interceptors/interceptor.ts";
import {
  EncodedMessage,
  encodeInPieces,
  longListOf,
} from "../../platform/pieces/encode-in-pieces.ts";
import { createPieceQueue, release, type PieceQueue } from "../../platform/pieces/piece-queue.ts";
import { InboundCall } from "./inbound-call.ts";
import type { CallDeps, Encode } from "./unary-method.ts";
import { zeroize } from "./zeroize.ts";

/** Options of `createUnary`. */
export interface UnaryOptions extends CallDeps {
  /** Run between the arrival of a call and its handler; the first is the outermost. */
  readonly interceptors: readonly Interceptor[];
  /** The queue of work in pieces. Default: one of these calls. */
  readonly pieces?: PieceQueue | undefined;
}

/**
 * Creates the grpc-js handler of one RPC from a promise handler. Its responses are encoded.
 * `blank` is a response with no field set; without one, each response is encoded at once.
 */
export type Unary = <Req, Res>(
  rpc: Rpc,
  handler: UnaryHandler<Req, Res>,
  encode: Encode<Res>,
  blank?: Res,
) => handleUnaryCall<Req, Buffer>;

/**
 * Turns promise handlers into grpc-js handlers. Every call is answered exactly once, whether its
 * handler resolves, rejects, throws or never settles (see `InboundCall`). The response is encoded
 * before anything is sent, so a response that cannot be encoded is still an error with details.
 */
export function createUnary({ interceptors, pieces, ...deps }: UnaryOptions): Unary {
  const intercept = chain(interceptors);
  const queue = pieces ?? createPieceQueue({ priorities: [] });
  return (rpc, handler, encode, blank) => {
    const method = {
      ...deps,
      rpc,
      encode: orEncoded(encode),
      // Only a page is long enough. A change must be answered as soon as it is known.
      handler: intercept(
        rpc.retry === "safe" && hasList(blank)
          ? encodedInPieces(handler, { encode, blank, queue })
          : handler,
        rpc,
      ),
    };
    return (call, callback) => {
      void new InboundCall(method, call, callback).run();
    };
  };
}

/** Encodes a response unless that was done in pieces. */
const orEncoded =
  <Res>(encode: Encode<Res>): Encode<Res | EncodedMessage> =>
  (response) =>
    response instanceof EncodedMessage ? response.bytes : encode(response);

/** Whether messages of this kind have a list. */
const hasList = (blank: unknown): blank is object =>
  typeof blank === "object" && blank !== null && Object.values(blank).some(Array.isArray);

/** Adds to a handler that a response with a long list is encoded, in pieces. */
const encodedInPieces =
  <Req, Res>(
    handler: UnaryHandler<Req, Res>,
    how: { readonly encode: Encode<Res>; readonly blank: Res; readonly queue: PieceQueue },
  ): UnaryHandler<Req, Res | EncodedMessage> =>
  async (request, context) => {
    const response = await handler(request, context);
    const list = longListOf(response);
    if (list === undefined) return response;
    const turn = (): Promise<void> => how.queue.turn(context);
    try {
      return new EncodedMessage(await encodeInPieces(response, list, { ...how, turn }));
    } finally {
      zeroize(response);
      release(list.entries);
    }
  };

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
