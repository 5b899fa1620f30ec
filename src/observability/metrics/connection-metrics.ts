/** Metrics of the connections of callers. */
import { metricDefinitions as definitions } from "./definitions.ts";
import { createCellFamily } from "./families.ts";
import type { Exposition } from "./families.ts";

/** Counts what happens to connections of callers. Its functions need no `this`. */
export interface ConnectionMetrics {
  /** A connection was closed, because the caller broke the rules or limits of HTTP/2. */
  readonly connectionBroken: () => void;
}

/** Creates the metrics of callers' connections, with every series at zero. */
export function createConnectionMetrics(): ConnectionMetrics & {
  readonly families: readonly Exposition[];
} {
  const brokenFamily = createCellFamily(definitions.clientConnectionsBroken);
  const broken = brokenFamily.cell();
  return {
    families: [brokenFamily],
    connectionBroken() {
      broken.value += 1;
    },
  };
}
