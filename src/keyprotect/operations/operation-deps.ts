import type { OnAnomaly } from "../anomaly.ts";
import type { Dialect } from "../dialects/dialect.ts";
import type { Exchange } from "../call-api.ts";

/** What operations are made of. */
export interface Operations {
  readonly exchange: Exchange;
  readonly dialect: Dialect;
  readonly instanceId: string;
  readonly onAnomaly: OnAnomaly;
}
