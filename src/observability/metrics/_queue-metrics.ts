import type { PriorityClass } from "../../rpc-table.ts";
import type { ShedReason } from "../../upstream/rate-limit/queue/rejections.ts";
import { metricDefinitions as definitions, waitBounds } from "./definitions.ts";
import { createCellFamily, createHistogramFamily } from "./families.ts";
import type { Cell, Exposition, Series } from "./families.ts";

/** Counts what becomes of attempts in front of a quota. Those that got through and those that were shed are all there are. */
export interface QueueMetrics {
  /** An attempt got its turn after so many milliseconds; 0 if it did not wait. */
  readonly callGranted: (priority: PriorityClass, waitMs: number) => void;
  /** An attempt left without its turn. */
  readonly callShed: (reason: ShedReason, priority: PriorityClass) => void;
}

const reasons: readonly ShedReason[] = [
  "CALLER_LIMIT",
  "OVERLOADED",
  "EVICTED",
  "DEADLINE_TOO_SHORT",
  "DEADLINE_IN_QUEUE",
  "CANCELLED",
  "FLUSHED",
  "SHUTDOWN",
];

const byClass = <T>(make: (priority: PriorityClass) => T): Readonly<Record<PriorityClass, T>> => ({
  interactive: make("interactive"),
  management: make("management"),
  bulk: make("bulk"),
});

/** Makes the metrics of the queues of all instances, with every series at zero. */
export function createQueueMetrics(): QueueMetrics & { readonly families: readonly Exposition[] } {
  const waits = createHistogramFamily(definitions.queueWait, waitBounds);
  const shed = createCellFamily(definitions.shed);
  const waitOf = byClass<Series>((priority) => waits.series(priority));
  const shedOf = byClass<ReadonlyMap<ShedReason, Cell>>(
    (priority) => new Map(reasons.map((reason) => [reason, shed.cell(reason, priority)])),
  );
  return {
    families: [waits, shed],
    callGranted(priority, waitMs) {
      waitOf[priority].observe(waitMs / 1_000);
    },
    callShed(reason, priority) {
      const cell = shedOf[priority].get(reason);
      if (cell !== undefined) cell.value += 1;
    },
  };
}
