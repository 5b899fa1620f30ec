/**
 * The innermost call of grpc-js, which it keeps between the HTTP/2 stream and the handler: hooks in
 * it, and its private fields. An interceptor that wraps the call sees neither DATA frames nor the
 * statuses that grpc-js creates itself, and needs an object and several closures more per call.
 */
import {
  type ServerInterceptor,
  status,
  type ServerInterceptingCall,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { holdsObject } from "../grpc-js.ts";

/** Gets the events of a call. */
export type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];

type SendStatus = ServerInterceptingCallInterface["sendStatus"];

/** A status as grpc-js sends it. */
export type StatusToSend = Parameters<SendStatus>[0];

/** Gets the events of one call before grpc-js' own listener does. */
export interface CallHooks extends Listener {
  /** The listener of grpc-js, for the hooks to pass events on. Set when the call starts. */
  listener: Listener | undefined;
  /** Returns what grpc-js shall see of a DATA frame: the same bytes, perhaps in another place. */
  dataReceived(data: Buffer): Buffer;
  /**
   * Called when grpc-js' own deadline timer fires, in place of sending. `outcome` is the status of
   * grpc-js, which has no details. Absent: it is sent.
   */
  deadlinePassed?(outcome: StatusToSend): void;
}

type HandleData = (data: Buffer) => void;

/** The hooks of a call, and its functions before they were replaced. */
interface Hooked {
  readonly hooks: CallHooks;
  readonly start: ServerInterceptingCallInterface["start"];
  readonly sendStatus: SendStatus;
  readonly handleDataFrame: HandleData;
}

const hooked = Symbol("hooked");

interface LibraryCall extends ServerInterceptingCallInterface {
  [hooked]?: Hooked;
  handleDataFrame?: HandleData;
}

/**
 * Hooks into an innermost call, before it is started, and returns it for an interceptor to return.
 *
 * The functions that are put into it are the same for all calls on purpose: V8 keeps calls that
 * each hold a function of their own, and their streams, until the next major garbage collection,
 * which doubled the work of the minor ones (measured with Node 20.20).
 */
export function hookCall(call: LibraryCall, hooks: CallHooks): ServerInterceptingCall {
  // oxlint-disable-next-line typescript/unbound-method -- applied to the call below
  const { start, sendStatus, handleDataFrame } = call;
  if (handleDataFrame === undefined) throw new Error("grpc-js has no handleDataFrame to hook into");
  call[hooked] = { hooks, start, sendStatus, handleDataFrame };
  call.start = startHooked;
  call.sendStatus = sendUnlessDeadline;
  call.handleDataFrame = receiveData;
  return asDeclared(call);
}

/**
 * An interceptor is declared to return one of grpc-js' wrappers. grpc-js itself calls only the
 * functions of the interface, so that the call it gave will do. `Object` returns its argument.
 */
const asDeclared = (call: ServerInterceptingCallInterface): ServerInterceptingCall => Object(call);

function startHooked(this: LibraryCall, listener: Listener): void {
  const { hooks, start } = hookedOf(this);
  hooks.listener = listener;
  Reflect.apply(start, this, [hooks]);
}

function receiveData(this: LibraryCall, data: Buffer): void {
  const { hooks, handleDataFrame } = hookedOf(this);
  Reflect.apply(handleDataFrame, this, [hooks.dataReceived(data)]);
}

/**
 * Diverts the `DEADLINE_EXCEEDED` that grpc-js sends when its own timer fires, without metadata.
 * Node runs all due timers of one duration together, so after a blocked event loop the timer of
 * grpc-js may fire before the gateway's own.
 */
function sendUnlessDeadline(this: LibraryCall, outcome: StatusToSend): void {
  const { hooks, sendStatus } = hookedOf(this);
  const isBare = outcome.code === status.DEADLINE_EXCEEDED && (outcome.metadata ?? null) === null;
  if (isBare && hooks.deadlinePassed !== undefined) hooks.deadlinePassed(outcome);
  else Reflect.apply(sendStatus, this, [outcome]);
}

/** Sends a status of a hooked call, whatever it is. */
export function sendOriginal(call: LibraryCall, outcome: StatusToSend): void {
  Reflect.apply(hookedOf(call).sendStatus, call, [outcome]);
}

function hookedOf(call: LibraryCall): Hooked {
  const { [hooked]: own } = call;
  if (own === undefined) throw new Error("the call has no hooks");
  return own;
}

const unixPeer = (): string => "unix";

/**
 * Interceptor of Unix listeners: makes `unix` the peer of a call. grpc-js reports `unknown`, which
 * is also the peer of a TCP connection that has just broken; only the listener can distinguish
 * them.
 */
export const markUnixCall: ServerInterceptor = (_method, call) => {
  call.getPeer = unixPeer;
  return asDeclared(call);
};

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
