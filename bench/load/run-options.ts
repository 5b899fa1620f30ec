/** Options and settings that all measurements of `bench:goodput` share. */
import type { StartGateway } from "./gateway-process.ts";
import type { LoadOperation, LoadStream } from "./start-load.ts";

/** Options of a measurement. */
export interface GoodputOptions {
  readonly startGateway: StartGateway;
  /** Duration of a steady measurement, in seconds. */
  readonly seconds: number;
}

/** Warm-up time for connections, compilation and the initial burst of the upstream's quota. */
export const warmUpMs = 4_000;

/** Returns `<stem>-1`, `<stem>-2` and so on. */
export const createNames = (stem: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_none, at) => `${stem}-${at + 1}`);

/**
 * Returns the settings of the gateway for every measurement, with `settings` added. Coalescing is
 * off, because most calls here are identical and requests are measured. The number of connections
 * is enough for the highest quota.
 */
export const gatewaySettings = (
  settings: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => ({
  GATEWAY_UPSTREAM_CONNECTIONS: "128",
  GATEWAY_COALESCE_UNWRAPS: "false",
  GATEWAY_COALESCE_READS: "false",
  ...settings,
});

/** Returns streams that keep `inFlight` calls of each caller in flight. */
export const saturating = (
  callers: readonly string[],
  inFlight: number,
  operation: LoadOperation = "unwrap",
): readonly LoadStream[] =>
  callers.map((caller) => ({ caller, operation, rhythm: { inFlight }, deadlineMs: 20_000 }));

/**
 * Calls in flight of each of eight callers: enough to saturate the quota, few enough for a fair
 * queue.
 */
export const inFlightFor = (perSecond: number): number =>
  Math.max(6, Math.min(32, Math.ceil(perSecond / 40)));
