/** The span of one recorded call. */
import { status } from "@grpc/grpc-js";
import type { CallOutcome } from "../grpc/call/call-observer.ts";
import type { CallTrace } from "../platform/tracing/call-trace.ts";
import type { Rpc } from "../rpc-table.ts";
import type { Span, SpanContext } from "./sdk.ts";
import type { Attributes } from "./span-table.ts";

/** The statuses that make a server's span an error; the others are mistakes of the caller. */
const errors: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** The RPC with its service, as the log names it. */
export const rpcName = ({ path }: Pick<Rpc, "path">): string => path.slice(1);

/** One recorded call. */
export class RecordedCall implements CallTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly #span: Span;
  /** How often each request was sent. */
  readonly #sends = new Map<string, number>();
  #isJoined = false;

  constructor(span: Span) {
    this.#span = span;
    this.traceId = span.context.traceId;
    this.spanId = span.context.spanId;
  }

  get context(): SpanContext {
    return this.#span.context;
  }

  queued(): void {
    this.#span.event("queued");
  }

  permitted(waitMs: number): void {
    this.#span.event("permit", { "keyprotect.queue.wait_ms": Math.round(waitMs * 1_000) / 1_000 });
  }

  joined(sender: CallTrace | undefined): void {
    this.#isJoined = true;
    this.#span.event("joined");
    if (sender instanceof RecordedCall) this.link(sender.context);
  }

  /** Links the span to another one. */
  link(to: SpanContext): void {
    this.#span.link(to);
  }

  /** Counts a request, and returns how often it was sent before. */
  countSend(request: string): number {
    const before = this.#sends.get(request) ?? 0;
    this.#sends.set(request, before + 1);
    return before;
  }

  /** Ends the span. */
  end({ context, code, reason, mayHaveExecuted }: CallOutcome): void {
    const { attemptLog } = context;
    const name = status[code];
    this.#span.set({
      "rpc.status_code": name,
      ...peerOf(context.peer),
      "keyprotect.caller": context.caller,
      "keyprotect.instance": context.instance === "" ? undefined : context.instance,
      "keyprotect.key_ring": context.keyRing,
      "keyprotect.reason": reason,
      "keyprotect.attempts": attemptLog.attempts,
      "keyprotect.coalesced": this.#isJoined ? true : undefined,
      "keyprotect.upstream_correlation_id": attemptLog.sentAs,
      "keyprotect.may_have_executed": mayHaveExecuted ? true : undefined,
      "keyprotect.correlation_id": context.correlationId,
    });
    this.#span.end(errors.has(code) ? name : undefined);
  }
}

/** The caller's address, from `address:port`, `[v6]:port` or `unix`. */
function peerOf(peer: string): Attributes {
  if (peer === "unix") return { "network.transport": "unix" };
  const [, address, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(peer) ?? [];
  return {
    "network.transport": "tcp",
    "network.peer.address": address,
    "network.peer.port": port === undefined ? undefined : Number(port),
  };
}
