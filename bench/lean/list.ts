/**
 * `npm run bench:list`: the processor time of a page of 1,000 keys beside that of the floor, the
 * steps of the event loop while pages are listed, and how much longer a wrap takes then.
 */
import type { Child } from "../child.ts";
import { describeMachine } from "../machine.ts";
import { runResult, type RunOptions, type RunResult } from "../messages.ts";
import { median, quantile } from "../statistics.ts";
import { runCommand, type Command, type CommandOptions } from "./command.ts";
import { steadyResult, steps, type SteadyResult } from "./messages.ts";
import { startSides, type Side } from "./sides.ts";

const numbers = {
  rounds: { byDefault: 5, meaning: "number of rounds" },
  seconds: { byDefault: 4, meaning: "duration of each measurement" },
  "in-flight": { byDefault: 8, meaning: "number of pages in flight" },
  wraps: { byDefault: 100, meaning: "wraps per second beside the pages" },
  "warm-up": { byDefault: 10, meaning: "seconds of pages before the first round, per process" },
};

const command: Command<keyof typeof numbers> = {
  name: "bench:list",
  purpose: "Compares pages of 1,000 keys, alone and beside wraps, with those of the floor.",
  numbers,
};
/** Both processes serve the gateway's own contract, and record no traces. */
const unrecorded = { contract: "keyprotect.v1", isRecorded: false } as const;
type Options = CommandOptions<keyof typeof numbers>;

/** The figures of one process in one round. Times are in milliseconds. */
interface Figures {
  readonly name: Side["name"];
  readonly cpuMsPerPage: number;
  readonly pagesPerSecond: number;
  /** Times of wraps without pages, and beside pages. */
  readonly alone: readonly number[];
  readonly beside: readonly number[];
  /** Times of wraps beside pages, through a process that serves no pages. */
  readonly idle: readonly number[];
  /** Steps of the event loop while pages are listed beside wraps. */
  readonly steps: readonly number[];
  readonly failures: number;
}

/** The processes that make calls. */
interface Loads {
  readonly pages: Child;
  readonly wraps: Child;
}

/** The processes of a round, besides the measured one. */
interface Arena {
  readonly loads: Loads;
  /** Port of the idle process. */
  readonly idlePort: number;
}

async function measure(
  { name, process, port }: Side,
  { loads, idlePort }: Arena,
  options: Options,
): Promise<Figures> {
  const durationMs = options.number("seconds") * 1_000;
  const inFlight = options.number("in-flight");
  const perSecond = options.number("wraps");
  const list = (): Promise<RunResult> =>
    loads.pages.ask("run", runResult, {
      ...unrecorded,
      port,
      inFlight,
      durationMs,
    } satisfies RunOptions);
  const wrap = (through: number): Promise<SteadyResult> =>
    loads.wraps.ask("steady", steadyResult, { port: through, perSecond, durationMs });

  const before = await process.cpuMicros();
  const pages = await list();
  const cpuMs = ((await process.cpuMicros()) - before) / 1_000;
  const alone = await wrap(port);
  await process.ask("watch-steps", steps);
  const [beside, pagesBeside] = await Promise.all([wrap(port), list()]);
  const found = await process.ask("steps", steps);
  const [idle, pagesBesideIdle] = await Promise.all([wrap(idlePort), list()]);
  return {
    name,
    cpuMsPerPage: cpuMs / (pages.calls + pages.failures),
    pagesPerSecond: (pages.calls / pages.elapsedMs) * 1_000,
    alone: alone.times,
    beside: beside.times,
    idle: idle.times,
    steps: found,
    failures: [pages, pagesBeside, pagesBesideIdle, alone, beside, idle].reduce(
      (sum, each) => sum + each.failures,
      0,
    ),
  };
}

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** A table of both processes. Wraps and steps of all rounds are taken together. */
function report(figures: readonly Figures[], seconds: number): string {
  const head = [
    "process",
    "CPU ms per page",
    "pages/s",
    "longest step, ms",
    "p99 step",
    "steps over 5 ms, per s",
    "wrap p50 alone",
    "beside pages",
    "p99 alone",
    "beside pages",
    "through an idle process",
    "failed",
  ];
  const rows = (["floor", "gateway"] as const).map((name) => {
    const of = figures.filter((each) => each.name === name);
    const [alone, beside, idle, taken] = [
      of.flatMap((each) => each.alone),
      of.flatMap((each) => each.beside),
      of.flatMap((each) => each.idle),
      of.flatMap((each) => each.steps),
    ];
    return [
      name,
      median(of.map((each) => each.cpuMsPerPage)).toFixed(2),
      median(of.map((each) => each.pagesPerSecond)).toFixed(1),
      Math.max(...taken).toFixed(1),
      quantile(taken, 0.99).toFixed(1),
      (taken.filter((step) => step > 5).length / of.length / seconds).toFixed(1),
      ...[median(alone), median(beside)].map((ms) => ms.toFixed(2)),
      ...[alone, beside, idle].map((times) => quantile(times, 0.99).toFixed(2)),
      String(of.reduce((sum, each) => sum + each.failures, 0)),
    ];
  });
  return [line(head), line(["---", ...head.slice(1).map(() => "---:")]), ...rows.map(line)].join(
    "\n",
  );
}

/** A line for each goal. */
function goals(figures: readonly Figures[]): string {
  const gateway = figures.filter(({ name }) => name === "gateway");
  const floor = figures.filter(({ name }) => name === "floor");
  const ratio = median(
    gateway.map(({ cpuMsPerPage }, round) => cpuMsPerPage / (floor[round]?.cpuMsPerPage ?? 0)),
  );
  const p99 = (times: (each: Figures) => readonly number[]): number =>
    quantile(gateway.flatMap(times), 0.99);
  const beside = p99((each) => each.beside);
  const more = beside - p99(({ alone }) => alone);
  const moreThanIdle = beside - p99(({ idle }) => idle);
  return [
    `gateway : floor, CPU per page: ${ratio.toFixed(2)} (goal: at most 1.25)`,
    `wrap's p99 beside pages - alone, ms: ${more.toFixed(2)} (goal: at most 5)`,
    `wrap's p99 beside pages - through an idle process, ms: ${moreThanIdle.toFixed(2)}`,
  ].join("\n");
}

/** Runs the bench and returns the exit code: 1 if a call failed, which makes figures invalid. */
async function run(options: Options): Promise<number> {
  const machine = describeMachine();
  // Identical pages at the same time would share one request to Key Protect.
  const settings = { GATEWAY_COALESCE_READS: "false" };
  await using sides = await startSides("lean/page-floor", options, settings);
  const loads = {
    pages: await sides.startLoad("lean/page-load"),
    wraps: await sides.startLoad("lean/steady-load"),
  };
  const idlePort = await sides.startFloor("idle");
  const [rounds, seconds] = [Math.ceil(options.number("rounds")), options.number("seconds")];
  for (const port of [idlePort, ...sides.both.map((side) => side.port)]) {
    await loads.wraps.ask("steady", steadyResult, { port, perSecond: 500, durationMs: 2_000 });
  }
  for (const { port } of sides.both) {
    const durationMs = options.number("warm-up") * 1_000;
    await loads.pages.ask("run", runResult, {
      ...unrecorded,
      port,
      inFlight: options.number("in-flight"),
      durationMs,
    });
  }
  const figures: Figures[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const side of sides.both) figures.push(await measure(side, { loads, idlePort }, options));
  }
  console.log(
    `${machine}; measured on Node ${options.node.label}; ${rounds} rounds of ${seconds} s\n`,
  );
  console.log(`${report(figures, seconds)}\n\n${goals(figures)}`);
  return figures.some(({ failures }) => failures > 0) ? 1 : 0;
}

await runCommand(command, run);
