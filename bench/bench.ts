/** `npm run bench`: measures what a call costs in each arrangement and prints the ratios. */
import { startArrangement, startTranscoder, type Arrangement } from "./arrangements.ts";
import { startProgram, type Child } from "./child.ts";
import { compile } from "./compiled.ts";
import { describeMachine } from "./machine.ts";
import { check, measure, type Measurement } from "./measure.ts";
import { measuredOn } from "./node-binaries.ts";
import { readOptions, usage, type BenchOptions } from "./options.ts";
import { groupByVersion, summaryOf, tableOf } from "./report.ts";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/**
 * Makes calls until V8 has compiled the code. Counts calls, because a slow arrangement warms up
 * slowly. With traces each of these calls is recorded: of 1 % of them V8 would not compile the code
 * that records.
 */
async function warmUp(arrangement: Arrangement, calls: number): Promise<void> {
  const { name, node } = arrangement;
  const isRecorded = name === "traced";
  say(`warming up: ${name}${node === undefined ? "" : ` on Node ${node}`}`);
  await check(arrangement);
  let made = 0;
  for (let slices = 0; slices < 60 && made < calls; slices++) {
    const slice = await measure(arrangement, {
      round: 0,
      inFlight: 64,
      durationMs: 500,
      isRecorded,
    });
    if (slice.failures > 0) throw new Error(`${arrangement.name}: ${slice.failures} calls failed`);
    made += slice.calls;
  }
}

/**
 * Measures each arrangement in each round, so that other load on the machine affects all alike.
 * `roundsBefore` is the number of rounds with earlier processes.
 */
async function measureAll(
  arrangements: readonly Arrangement[],
  options: BenchOptions,
  roundsBefore: number,
): Promise<Measurement[]> {
  const { rounds, durationMs } = options;
  for (const arrangement of arrangements) await warmUp(arrangement, options.warmUpCalls);
  const measurements: Measurement[] = [];
  for (let round = roundsBefore + 1; round <= roundsBefore + rounds; round++) {
    say(`round ${round} of ${rounds * options.processes}`);
    for (const inFlight of options.inFlight) {
      for (const arrangement of arrangements) {
        measurements.push(await measure(arrangement, { round, inFlight, durationMs }));
      }
    }
  }
  return measurements;
}

/**
 * Runs the bench and returns the exit code: 1 if a call failed, which makes the figures invalid.
 */
async function run(options: BenchOptions): Promise<number> {
  const machine = describeMachine();
  await using compiled = await compile();
  const start = (name: string): Child => startProgram(compiled, name);
  await using upstream = start("upstream");
  await using collector = start("collector");
  await using load = start("wire-load");
  // A question that arrives before the process listens to it is lost.
  await load.port;
  const upstreamUrl = `http://127.0.0.1:${await upstream.port}`;
  const collectorUrl = `http://127.0.0.1:${await collector.port}`;

  const { names, binaries, envoy, leftOut, profileFolder, rounds, processes } = options;
  if (leftOut !== undefined) say(`\nLEFT OUT: ${leftOut}\n`);
  const shared = { compiled, upstreamUrl, load };
  const measureProcesses = async (roundsBefore: number): Promise<Measurement[]> => {
    const arrangements: Arrangement[] = [];
    try {
      for (const node of binaries) {
        for (const name of names) {
          arrangements.push(
            await startArrangement(name, { ...shared, node, collectorUrl, profileFolder }),
          );
        }
      }
      if (envoy !== undefined) arrangements.push(await startTranscoder(envoy, shared));
      return await measureAll(arrangements, options, roundsBefore);
    } finally {
      await Promise.all(arrangements.map(({ measured }) => measured[Symbol.asyncDispose]()));
    }
  };
  const measurements: Measurement[] = [];
  for (let started = 0; started < processes; started++) {
    measurements.push(...(await measureProcesses(started * rounds)));
  }
  const versions = groupByVersion(
    measurements,
    binaries.map(({ label }) => label),
  );
  const measuredNames = [...names, ...(envoy === undefined ? [] : (["envoy"] as const))];
  const programs = [
    ...(names.length === 0 ? [] : [measuredOn(binaries)]),
    ...(envoy === undefined ? [] : [`Envoy ${envoy.version}`]),
  ];
  const repeats = processes === 1 ? "" : `${processes} times `;
  console.log(
    `${machine}; ${programs.join(", ")}; ${repeats}${rounds} rounds of ${options.durationMs / 1_000} s\n`,
  );
  console.log(tableOf(versions, measuredNames, options.inFlight));
  const omitted = leftOut === undefined ? [] : [`left out: ${leftOut}`];
  console.log(["", ...summaryOf(versions), ...omitted].join("\n"));
  const failures = measurements.reduce((sum, each) => sum + each.failures, 0);
  return failures === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  let options: BenchOptions | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 64;
  }
  if (options !== undefined) return run(options);
  process.stdout.write(usage);
  return 0;
}

process.exitCode = await main();
