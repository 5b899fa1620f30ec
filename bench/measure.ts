import { z } from "zod";
import type { Arrangement, ArrangementName } from "./arrangements.ts";
import { runResult, type RunResult } from "./messages.ts";

/** One measurement of one arrangement. */
export interface Measurement extends RunResult {
  readonly name: ArrangementName;
  readonly round: number;
  readonly inFlight: number;
  /** Processor time of the measured process for each call, in µs; failed calls count as calls here, for they cost too. */
  readonly cpuMicrosPerCall: number;
  /** Share of one core that the measured process used. */
  readonly coreShare: number;
  readonly callsPerSecond: number;
}

/** Makes calls for a while and measures. */
export async function measure(
  { name, measured, load, port }: Arrangement,
  at: { readonly round: number; readonly inFlight: number; readonly durationMs: number },
): Promise<Measurement> {
  const { round, inFlight, durationMs } = at;
  const before = await measured.cpuMicros();
  const result = await load.ask("run", runResult, { port, inFlight, durationMs });
  const micros = (await measured.cpuMicros()) - before;
  return {
    ...result,
    name,
    round,
    inFlight,
    cpuMicrosPerCall: micros / (result.calls + result.failures),
    coreShare: micros / 1_000 / result.elapsedMs,
    callsPerSecond: (result.calls / result.elapsedMs) * 1_000,
  };
}

/** Makes one call and looks into its answer. Rejects if anything is wrong with it. */
export async function check({ name, load, port }: Arrangement): Promise<void> {
  const problem = await load.ask("check", z.string().optional(), port);
  if (problem !== undefined) throw new Error(`${name} does not wrap: ${problem}`);
}
