import { systemClock } from "../../src/platform/clock.ts";
import {
  createReceivingCalls,
  type ReceivingCalls,
} from "../../src/grpc/server/receiving/receiving-calls.ts";

/** A list of incomplete requests with bounds that no test of anything else meets. */
export const ampleReceivingCalls = (): ReceivingCalls =>
  createReceivingCalls({ clock: systemClock, maxBytes: 1_000_000_000, timeoutMs: 600_000 });
