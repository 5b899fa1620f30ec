import type { OnAnomaly } from "./anomaly.ts";
import type { Dialect } from "./dialect.ts";
import type { Exchange } from "./exchange.ts";

/** What operations are made of. */
export interface Operations {
  readonly exchange: Exchange;
  readonly dialect: Dialect;
  readonly instanceId: string;
  readonly onAnomaly: OnAnomaly;
}
