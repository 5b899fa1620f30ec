import { rpcTable, type PriorityClass, type Rpc } from "../../rpc-table.ts";
import { headerViolation } from "./header-violation.ts";
import type { Interceptor } from "./interceptor.ts";

/** The metadata key that selects the priority of a call. */
export const priorityHeader = "x-kp-priority";

/** The priorities that callers can select, the highest first. */
const selectable = ["interactive", "bulk"] as const;

const isTooHigh = (priority: PriorityClass, highest: PriorityClass): boolean =>
  priority === "interactive" && highest !== "interactive";

/** The rows of the table with another priority, made once, by priority and path. */
const rows: ReadonlyMap<unknown, ReadonlyMap<string, Rpc>> = new Map(
  selectable.map((priority) => [
    priority,
    new Map(
      rpcTable
        .filter((rpc) => !isTooHigh(priority, rpc.highestPriority))
        .map((rpc) => [rpc.path, { ...rpc, priority }]),
    ),
  ]),
);

/**
 * The interceptor that gives a call the priority in `x-kp-priority`. Every call may be `bulk`, and
 * then waits behind others while the quota of Key Protect is short. `interactive` is accepted up to
 * the `highestPriority` of the RPC. Rejects other values with `INVALID_ARGUMENT`. Without the
 * metadata the call has the priority of its RPC.
 */
export const prioritize: Interceptor = (next) => (request, context) => {
  const values = context.metadata.get(priorityHeader);
  if (values.length === 0) return next(request, context);
  const ofPriority = values.length === 1 ? rows.get(values[0]) : undefined;
  if (ofPriority === undefined) return wrong("UNKNOWN_VALUE", `one of ${selectable.join(", ")}`);
  const rpc = ofPriority.get(context.rpc.path);
  if (rpc === undefined) {
    return wrong("UNSUPPORTED", `${context.rpc.method} cannot be ${String(values[0])}`);
  }
  context.rpc = rpc;
  return next(request, context);
};

const wrong = (reason: string, description: string): Promise<never> =>
  Promise.reject(headerViolation(priorityHeader, reason, description));
