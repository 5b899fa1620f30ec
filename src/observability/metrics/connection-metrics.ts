/** Metrics of the connections of callers. */
import type { ConnectionLimit } from "../../grpc/server/connections/admission.ts";
import type { ConnectionObserver } from "../../grpc/server/connections/connections.ts";
import type { ReceiveRefusal } from "../../grpc/server/receiving/receiving-calls.ts";
import { metricDefinitions as definitions } from "./definitions.ts";
import { createCellFamily } from "./families.ts";
import type { Exposition } from "./families.ts";

/** Counts what happens to connections of callers. Its functions need no `this`. */
export interface ConnectionMetrics extends ConnectionObserver {
  /** A call was refused before its request was complete. */
  readonly requestIncomplete: (cause: ReceiveRefusal) => void;
}

const limits: readonly ConnectionLimit[] = ["total", "peer"];
const causes: readonly ReceiveRefusal[] = ["bytes", "time"];

/** Creates the metrics of callers' connections, with every series at zero. */
export function createConnectionMetrics(): ConnectionMetrics & {
  readonly families: readonly Exposition[];
} {
  const brokenFamily = createCellFamily(definitions.clientConnectionsBroken);
  const refused = createCellFamily(definitions.clientConnectionsRefused);
  const evictedFamily = createCellFamily(definitions.clientConnectionsEvicted);
  const incomplete = createCellFamily(definitions.incompleteRequests);
  const broken = brokenFamily.cell();
  const evicted = evictedFamily.cell();
  for (const limit of limits) refused.cell(limit);
  for (const cause of causes) incomplete.cell(cause);
  return {
    families: [brokenFamily, refused, evictedFamily, incomplete],
    connectionBroken() {
      broken.value += 1;
    },
    connectionRefused(limit) {
      refused.cell(limit).value += 1;
    },
    connectionEvicted() {
      evicted.value += 1;
    },
    requestIncomplete(cause) {
      incomplete.cell(cause).value += 1;
    },
  };
}
