/** What all measurements of a run have in common. */
import type { StartGateway } from "./gateway-process.ts";
import type { LoadOperation, LoadStream } from "./start-load.ts";

export interface GoodputOptions {
  readonly startGateway: StartGateway;
  /** How long a steady state is measured. */
  readonly seconds: number;
}

/** Time for connections, compilers and the burst that the upstream's quota allows at first. */
export const warmUpMs = 4_000;

/** `caller-1` and so on. */
export const createNames = (stem: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_none, at) => `${stem}-${at + 1}`);

/**
 * Settings of the gateway in every measurement, and those of one. Equal calls are not merged: what is measured is how
 * requests fare, and here most of them are equal. Connections suffice for the highest quota.
 */
export const gatewaySettings = (
  settings: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => ({
  GATEWAY_UPSTREAM_CONNECTIONS: "128",
  GATEWAY_COALESCE_UNWRAPS: "false",
  GATEWAY_COALESCE_READS: "false",
  ...settings,
});

/** So many calls at a time of each caller. */
export const saturating = (
  callers: readonly string[],
  inFlight: number,
  operation: LoadOperation = "unwrap",
): readonly LoadStream[] =>
  callers.map((caller) => ({ caller, operation, rhythm: { inFlight }, deadlineMs: 20_000 }));

/** As many of each of eight callers as keep a quota busy through waits and network, and fit into a fair queue. */
export const inFlightFor = (perSecond: number): number =>
  Math.max(6, Math.min(32, Math.ceil(perSecond / 40)));
