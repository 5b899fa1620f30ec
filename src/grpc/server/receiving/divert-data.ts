/** The request data of a call on its way to grpc-js, in private fields of its innermost call. */
import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { holdsObject } from "../grpc-js.ts";

/** Gets the DATA frames of a call before grpc-js does. */
export interface DataReceiver {
  /** Returns what grpc-js shall see: the same bytes, perhaps elsewhere in memory. */
  dataReceived(data: Buffer): Buffer;
}

const dataReceiver = Symbol("data receiver");
const originalData = Symbol("original handleDataFrame");

type HandleData = (data: Buffer) => void;

interface MeteredInnerCall extends ServerInterceptingCallInterface {
  [dataReceiver]?: DataReceiver;
  [originalData]?: HandleData;
  handleDataFrame?: HandleData;
}

/** Passes each DATA frame of an innermost call through `to`. Called before the call is started. */
export function divertData(call: MeteredInnerCall, to: DataReceiver): void {
  // oxlint-disable-next-line typescript/unbound-method -- applied to the call in `receiveData`
  const handle = call.handleDataFrame;
  if (handle === undefined) throw new Error("grpc-js has no handleDataFrame to divert");
  call[dataReceiver] = to;
  call[originalData] = handle;
  call.handleDataFrame = receiveData;
}

/** The `handleDataFrame` of a diverted call. One function for all calls, as in `grpc-js.ts`. */
function receiveData(this: MeteredInnerCall, data: Buffer): void {
  const seen = this[dataReceiver]?.dataReceived(data) ?? data;
  const handle = this[originalData];
  if (handle !== undefined) Reflect.apply(handle, this, [seen]);
}

/** Resets the stream of an innermost call. Does nothing to a stream that is closed. */
export function resetStream(call: object, code: number): void {
  const stream: unknown = Reflect.get(call, "stream");
  const close: unknown = holdsObject(stream) && Reflect.get(stream, "close");
  if (typeof close === "function") Reflect.apply(close, stream, [code]);
}

/** Frees the part of a message that grpc-js holds for an innermost call that has been answered. */
export const releaseData = (call: object): boolean => Reflect.set(call, "decoder", undefined);

/** Whether the stream of an innermost call is open, so that its client can still send. */
export function isStreamOpen(call: object): boolean {
  const stream: unknown = Reflect.get(call, "stream");
  return holdsObject(stream) && Reflect.get(stream, "destroyed") === false;
}
