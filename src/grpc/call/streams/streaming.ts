/** The boundary between handlers of streams and grpc-js. */
import type { handleBidiStreamingCall, ServerDuplexStream } from "@grpc/grpc-js";
import type { Rpc } from "../../../rpc-table.ts";
import { chain, type Interceptor } from "../../interceptors/interceptor.ts";
import { tooManyStreamsStatus } from "../../status/stream-status.ts";
import type { CallContext } from "../call-context.ts";
import { remainingMs } from "../deadline.ts";
import { InboundCall } from "../inbound-call.ts";
import type { CallDeps, UnaryMethod } from "../unary-method.ts";
import { MessageStream, type StreamHandler } from "./message-stream.ts";

/** Bounds of the streams of one gateway. */
export interface StreamLimits {
  /** Most open streams; one caller may have half of them. */
  readonly max: number;
  /** Longest life of a stream, in milliseconds. */
  readonly maxAgeMs: number;
}

/** Options of `createStreaming`. */
export interface StreamingOptions extends CallDeps {
  /** Run between the arrival of a stream and its handler; the first is the outermost. */
  readonly interceptors: readonly Interceptor[];
  readonly limits: StreamLimits;
}

/** Creates the grpc-js handler of one RPC from the handler of its streams. */
export type Streaming = <Req, Res>(
  rpc: Rpc,
  handler: StreamHandler<Req, Res>,
) => handleBidiStreamingCall<Req, Res>;

/** The streams of one gateway. */
export interface Streams {
  readonly streaming: Streaming;
  /** Stops reading all streams. They end when what was read is answered. */
  readonly drain: () => void;
}

/** Time before the end of its life in which a stream is not read any more, in milliseconds. */
const closingMs = 5_000;
/** The same for a stream with a short deadline, as a share of its time. */
const closingShare = 0.2;

const empty = Buffer.alloc(0);

/**
 * Turns handlers of streams into grpc-js handlers. To the pipeline of calls a stream is one call,
 * with its messages as the request and nothing but a status as the answer: caller, instance, key
 * ring, priority, permission, deadline, drain, log line and metrics are those of any call.
 */
export function createStreaming({ interceptors, limits, ...deps }: StreamingOptions): Streams {
  const { clock } = deps;
  const intercept = chain(interceptors);
  const open = new Set<{ close(why: "drain"): void }>();
  const byCaller = new Map<string, number>();
  const maxOfCaller = Math.ceil(limits.max / 2);

  const admit = (caller: string): number => {
    const own = (byCaller.get(caller) ?? 0) + 1;
    if (own > maxOfCaller) throw tooManyStreamsStatus(maxOfCaller, "caller");
    if (open.size >= limits.max) throw tooManyStreamsStatus(limits.max, "gateway");
    return own;
  };
  const release = (caller: string): void => {
    const left = (byCaller.get(caller) ?? 1) - 1;
    if (left === 0) byCaller.delete(caller);
    else byCaller.set(caller, left);
  };

  const streaming: Streaming = (rpc, handler) => {
    const run = async (
      messages: Parameters<typeof handler>[0],
      context: CallContext,
    ): Promise<undefined> => {
      const { caller, deadline } = context;
      byCaller.set(caller, admit(caller));
      open.add(messages);
      const lifeMs = deadline - clock.now();
      const isCallers = remainingMs(messages.deadline, clock.wallNow()) <= limits.maxAgeMs;
      const timer = clock.after(lifeMs - Math.min(closingMs, lifeMs * closingShare), () =>
        messages.close(isCallers ? "deadline" : "age"),
      );
      try {
        await handler(messages, context);
        return undefined;
      } finally {
        timer.cancel();
        open.delete(messages);
        release(caller);
      }
    };
    const method: UnaryMethod<Parameters<typeof handler>[0], undefined> = {
      ...deps,
      deadlines: { ...deps.deadlines, maxMs: limits.maxAgeMs },
      rpc,
      encode: () => empty,
      handler: intercept(run, rpc),
    };
    return (duplex) => {
      const call = Object.assign(duplex, { request: new MessageStream(duplex) });
      void new InboundCall(method, call, endOf(duplex)).run();
    };
  };
  return {
    streaming,
    drain() {
      for (const messages of open) messages.close("drain");
    },
  };
}

/** Ends a stream with a status, as the callback of a unary call does. */
const endOf =
  <Req, Res>(duplex: ServerDuplexStream<Req, Res>) =>
  (error: object | null, _value?: unknown, trailers?: Parameters<typeof duplex.end>[0]): void => {
    // grpc-js takes the status of a stream from an error event.
    if (error === null) duplex.end(trailers);
    else duplex.emit("error", error);
  };
