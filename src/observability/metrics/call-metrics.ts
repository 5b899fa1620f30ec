/** Metrics of the inbound calls. */
import { itemRows, streamPaths } from "../../access/item-rows.ts";
import type { CallObserver } from "../../grpc/call/call-observer.ts";
import type { Reason } from "../../grpc/status/status-error.ts";
import { rpcTable } from "../../rpc-table.ts";
import type { Rpc } from "../../rpc-table.ts";
import { metricDefinitions as definitions, secondsBounds } from "./definitions.ts";
import { createCellFamily, createHistogramFamily } from "./families.ts";
import type { Cell, Exposition, HistogramFamily, Series } from "./families.ts";

/**
 * Names of gRPC status codes by number, as go-grpc writes them in metrics and dashboards expect.
 */
export const grpcCodes = [
  "OK",
  "Canceled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
] as const;

/** The name of a status code; `Unknown` for a number that is not a status code. */
export const grpcCodeOf = (code: number): string => grpcCodes[code] ?? "Unknown";

/** Counts inbound calls as their observer: each once, with its final status. */
export interface CallMetrics extends Required<
  Pick<CallObserver, "callStarted" | "callEnded" | "itemEnded">
> {
  /** A call that never reached its handler; counted as started and handled as well. */
  readonly callEndedByLibrary: (
    path: string | undefined,
    grpcCode: number,
    reason?: Reason,
  ) => void;
  /** The histogram of each RPC's times, with the bounds `secondsBounds`. */
  readonly handlingCounts: () => Iterable<readonly [rpc: Rpc, counts: ArrayLike<number>]>;
}

/** Reasons of calls that the gateway rejects before a request to Key Protect. */
const ownReasons: readonly Reason[] = [
  "REQUEST_INVALID",
  "PAGE_TOKEN_INVALID",
  "INSTANCE_UNKNOWN",
  "METADATA_TOO_LARGE",
  "REQUEST_INCOMPLETE",
  "CALLER_UNAUTHENTICATED",
  "CALLER_NOT_AUTHORIZED",
  "CALLER_RATE_LIMITED",
  "OVERLOADED",
  "CIRCUIT_OPEN",
  "SHUTTING_DOWN",
  "DEADLINE_IN_QUEUE",
  "DEADLINE_TOO_SHORT",
];
/** Further such reasons, if nothing was sent: Key Protect asked for a pause. */
const pauseReasons: readonly Reason[] = ["UPSTREAM_RATE_LIMITED", "UPSTREAM_UNAVAILABLE"];

/** The series of one RPC. */
interface RpcSeries {
  readonly started: Cell;
  readonly received: Cell;
  readonly sent: Cell;
  readonly handling: Series;
  /** By number of the status code. */
  readonly handled: readonly Cell[];
  readonly ambiguous: Cell;
}

/** The kind of an RPC, as go-grpc writes it in metrics. */
const typeOf = (path: string): string => (streamPaths.has(path) ? "bidi_stream" : "unary");

/**
 * Creates the metrics of inbound calls, with every series of every RPC at zero. `doorRpcs` are the
 * RPCs that the configured doors serve.
 */
export function createCallMetrics(doorRpcs: readonly Rpc[]): CallMetrics & {
  readonly families: readonly Exposition[];
  readonly exemplars: HistogramFamily["exemplars"];
} {
  const started = createCellFamily(definitions.started);
  const handled = createCellFamily(definitions.handled);
  const received = createCellFamily(definitions.received);
  const sent = createCellFamily(definitions.sent);
  const handling = createHistogramFamily(definitions.handling, secondsBounds);
  const inflightFamily = createCellFamily(definitions.inflight);
  const rejected = createCellFamily(definitions.rejected);
  const ambiguous = createCellFamily(definitions.ambiguous);
  const items = createCellFamily(definitions.items);
  const endedByLibrary = createCellFamily(definitions.endedByLibrary);

  const seriesOf = ({ service, method, path }: Rpc): RpcSeries => {
    const labels = [typeOf(path), service, method] as const;
    return {
      started: started.cell(...labels),
      received: received.cell(...labels),
      sent: sent.cell(...labels),
      handling: handling.series(...labels),
      handled: grpcCodes.map((code) => handled.cell(...labels, code)),
      ambiguous: ambiguous.cell(method),
    };
  };
  const rpcs = new Map([...rpcTable, ...doorRpcs].map((rpc) => [rpc.path, rpc]));
  const byPath = new Map([...rpcs].map(([path, rpc]) => [path, seriesOf(rpc)]));
  const itemsByPath = new Map(
    [...itemRows.keys()].map((path) => {
      const method = path.slice(path.lastIndexOf("/") + 1);
      return [path, grpcCodes.map((code) => items.cell(method, code))] as const;
    }),
  );
  const cellOf = (reason: Reason) => [reason, rejected.cell(reason)] as const;
  const byReason = new Map(ownReasons.map(cellOf));
  const byReasonUnsent = new Map([...byReason, ...pauseReasons.map(cellOf)]);
  const inflight = inflightFamily.cell();

  return {
    families: [
      started,
      handled,
      received,
      sent,
      handling,
      inflightFamily,
      rejected,
      ambiguous,
      items,
      endedByLibrary,
    ],
    exemplars: handling.exemplars,
    handlingCounts: () =>
      rpcTable.flatMap((rpc) => {
        const series = byPath.get(rpc.path);
        return series === undefined ? [] : [[rpc, series.handling.counts] as const];
      }),
    callStarted(rpc) {
      const series = byPath.get(rpc.path);
      if (series === undefined) return;
      inflight.value += 1;
      series.started.value += 1;
      if (!streamPaths.has(rpc.path)) series.received.value += 1;
    },
    callEnded({ context, code, durationMs, reason, mayHaveExecuted }) {
      const series = byPath.get(context.rpc.path);
      if (series === undefined) return;
      inflight.value -= 1;
      const handledCell = series.handled[code] ?? series.handled[grpcCodes.indexOf("Unknown")];
      if (handledCell !== undefined) handledCell.value += 1;
      const hasMessage = grpcCodes[code] === "OK" && !streamPaths.has(context.rpc.path);
      if (hasMessage) series.sent.value += 1;
      const { trace } = context;
      // Only a recorded call can be looked up.
      series.handling.observe(
        durationMs / 1_000,
        trace?.spanId === undefined ? undefined : trace.traceId,
      );
      const reasons = context.attemptLog.attempts > 0 ? byReason : byReasonUnsent;
      const rejectedCell = reason === undefined ? undefined : reasons.get(reason);
      if (rejectedCell !== undefined) rejectedCell.value += 1;
      if (mayHaveExecuted) series.ambiguous.value += 1;
    },
    itemEnded({ context, code }) {
      const cells = itemsByPath.get(context.rpc.path);
      const cell = cells?.[code] ?? cells?.[grpcCodes.indexOf("Unknown")];
      if (cell !== undefined) cell.value += 1;
      const series = byPath.get(context.rpc.path);
      if (series === undefined || !streamPaths.has(context.rpc.path)) return;
      series.received.value += 1;
      series.sent.value += 1;
    },
    callEndedByLibrary(path, grpcCode, reason) {
      const rpc = path === undefined ? undefined : rpcs.get(path);
      // The path of an unknown method is the caller's text and must not become a label.
      const labels = ["unary", rpc?.service ?? "unknown", rpc?.method ?? "unknown"] as const;
      const code = grpcCodeOf(grpcCode);
      started.cell(...labels).value += 1;
      handled.cell(...labels, code).value += 1;
      endedByLibrary.cell(code).value += 1;
      const rejectedCell = reason === undefined ? undefined : byReason.get(reason);
      if (rejectedCell !== undefined) rejectedCell.value += 1;
    },
  };
}
