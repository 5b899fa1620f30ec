import type { Clock } from "../platform/clock.ts";
import type { CallContext } from "../grpc/call/call-context.ts";
import type { KeyProtect } from "./key-protect.ts";
import type { ApiDialect } from "../platform/api-dialect.ts";
import type { RequestIds } from "./idempotency/options.ts";

/** What the handlers of all services work with; each service takes what it needs of it. */
export interface ServiceDeps {
  /** The instance that a call is for. */
  readonly keyProtectOf: (context: CallContext) => KeyProtect;
  /** The API generation of that instance, if known: imports that do not fit it are refused without a round trip. */
  readonly dialectOf: (context: CallContext) => ApiDialect | undefined;
  /** Tells whether an expiry lies in the future. */
  readonly clock: Pick<Clock, "wallNow">;
  /** Absent: requests with an ID are refused. */
  readonly requestIds?: RequestIds | undefined;
}
