/**
 * Measures what a rate of calls costs the gateway: processor time, memory and log. The callers use
 * mutual TLS. The rates take turns in rounds, so that other load on the machine affects all alike.
 */
import { closeSync, fstatSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "../statistics.ts";
import { createArena } from "./arena.ts";
import { ms, okMsOf, okOf, percent, percentile } from "./figures.ts";
import { startCompiled, type CompiledGateway } from "./gateway-process.ts";
import { createNames, gatewaySettings, warmUpMs } from "./run-options.ts";
import type { LoadStream } from "./start-load.ts";

/** The measured rates, in calls per second. 0 is an idle gateway. */
const rates: readonly number[] = [0, 50, 100, 200, 400];
const rounds = 3;
const callers = createNames("caller", 10);
/** Never reached, so that no call waits. */
const quota = 10_000;

/** The cost of a rate: medians of the rounds. */
export interface Size {
  readonly callsPerSecond: number;
  /** Share of one core, from 0. */
  readonly cores: number;
  readonly residentBytes: number;
  /** Bytes of the log for each call; NaN without calls. */
  readonly logBytesPerCall: number;
  readonly p99Ms: number;
  readonly failures: number;
}

interface Sample extends Size {
  readonly rate: number;
}

const streamsFor = (rate: number): readonly LoadStream[] =>
  rate === 0
    ? []
    : callers.map((caller) => ({
        caller,
        operation: "unwrap",
        rhythm: { perSecond: rate / callers.length },
        deadlineMs: 5_000,
      }));

/** Measures every rate with the compiled gateway `main`, each for `seconds` in each round. */
export async function measureSizing(main: string, seconds: number): Promise<readonly Size[]> {
  const folder = await mkdtemp(join(tmpdir(), "keyprotect-sizing-"));
  const log = openSync(join(folder, "log"), "a");
  try {
    const start = startCompiled(main, log);
    let gateway: CompiledGateway | undefined;
    await using arena = await createArena({
      arrangement: "gateway",
      upstream: { shape: "bucket", perSecond: quota },
      callers,
      startGateway: async (upstream, changes) => (gateway = await start(upstream, changes)),
      env: gatewaySettings({ GATEWAY_RATE_CEILING: String(quota) }),
    });
    const measure = async (rate: number): Promise<Sample> => {
      await arena.load.ask("start", streamsFor(rate));
      await arena.measure(warmUpMs);
      const logged = fstatSync(log).size;
      const { cpu, streams, seconds: took } = await arena.measure(seconds * 1_000);
      const residentBytes = (await gateway?.residentBytes()) ?? Number.NaN;
      const logBytes = fstatSync(log).size - logged;
      await arena.load.ask("stop", null);
      const calls = okOf(streams);
      const failures = streams.flatMap((stream) => Object.values(stream.failures));
      return {
        rate,
        callsPerSecond: calls / took,
        cores: cpu / 1e6 / took,
        residentBytes,
        logBytesPerCall: calls === 0 ? Number.NaN : logBytes / calls,
        p99Ms: percentile(okMsOf(streams), 0.99),
        failures: failures.reduce((sum, count) => sum + count, 0),
      };
    };
    // Code costs several times as much until V8 has compiled it.
    await measure(Math.max(...rates));
    const samples: Sample[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const rate of rates) samples.push(await measure(rate));
    }
    return rates.map((rate) => {
      const own = samples.filter((sample) => sample.rate === rate);
      const of = (value: (sample: Sample) => number): number => median(own.map(value));
      return {
        callsPerSecond: of((sample) => sample.callsPerSecond),
        cores: of(({ cores }) => cores),
        residentBytes: of((sample) => sample.residentBytes),
        logBytesPerCall: of((sample) => sample.logBytesPerCall),
        p99Ms: of(({ p99Ms }) => p99Ms),
        failures: own.reduce((sum, { failures }) => sum + failures, 0),
      };
    });
  } finally {
    closeSync(log);
    await rm(folder, { recursive: true });
  }
}

/** Column titles. */
export const sizingHead = [
  "calls/s",
  "of one core",
  "CPU ms per call",
  "memory, MiB",
  "log, bytes per call",
  "p99 ms",
  "failed",
] as const;

const shown = (value: number, digits: number): string =>
  Number.isFinite(value) ? value.toFixed(digits) : "–";

/** The row of a rate. */
export const sizingRow = (size: Size): readonly string[] => [
  shown(size.callsPerSecond, 0),
  percent(size.cores),
  shown((size.cores / size.callsPerSecond) * 1_000, 2),
  shown(size.residentBytes / 2 ** 20, 0),
  shown(size.logBytesPerCall, 0),
  ms(size.p99Ms),
  String(size.failures),
];
