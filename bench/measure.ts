/** Measures an arrangement. */
import { z } from "zod";
import type { Arrangement, ArrangementName } from "./arrangements.ts";
import { runResult, type RunResult } from "./messages.ts";

/** One measurement of one arrangement. */
export interface Measurement extends RunResult {
  readonly name: ArrangementName;
  /** The label of the binary of node that ran it. `undefined`: it does not run on node. */
  readonly node: string | undefined;
  readonly round: number;
  readonly inFlight: number;
  /** Processor time of the measured process per call, in µs. Failed calls count as calls. */
  readonly cpuMicrosPerCall: number;
  /**
   * Share of one core that the measured process used, from 0 to 1; above 1 with several threads.
   */
  readonly coreShare: number;
  readonly callsPerSecond: number;
}

/** Makes calls for `durationMs` and measures them. */
export async function measure(
  { name, node, measured, load, port, contract }: Arrangement,
  at: {
    readonly round: number;
    readonly inFlight: number;
    readonly durationMs: number;
    /** Whether the caller records its spans. Default: it has no trace. */
    readonly isRecorded?: boolean;
  },
): Promise<Measurement> {
  const { round, inFlight, durationMs, isRecorded = false } = at;
  const before = await measured.cpuMicros();
  const run = { port, contract, inFlight, durationMs, isRecorded };
  const result = await load.ask("run", runResult, run);
  const micros = (await measured.cpuMicros()) - before;
  return {
    ...result,
    name,
    node,
    round,
    inFlight,
    cpuMicrosPerCall: micros / (result.calls + result.failures),
    coreShare: micros / 1_000 / result.elapsedMs,
    callsPerSecond: (result.calls / result.elapsedMs) * 1_000,
  };
}

/** Makes one call and checks its answer. Rejects if the answer is wrong. */
export async function check({ name, load, port, contract }: Arrangement): Promise<void> {
  const problem = await load.ask("check", z.string().optional(), { port, contract });
  if (problem !== undefined) throw new Error(`${name} does not wrap: ${problem}`);
}
