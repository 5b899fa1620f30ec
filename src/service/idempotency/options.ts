import type { Clock } from "../../platform/clock.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { RequestRecords } from "../../idempotency-store/store.ts";

/** What it takes to keep the promise of a request ID. */
export interface RequestIds {
  readonly records: RequestRecords;
  /** Whether the instance of a call is asked with the caller's own token. */
  readonly isTokenPassedThrough: (context: CallContext) => boolean;
  /** What the instance of a call is, whatever it is called here: replicas may know it by other names. */
  readonly instanceIdOf: (context: CallContext) => string;
  readonly clock: Clock;
}
