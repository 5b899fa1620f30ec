/**
 * `npm run bench:memory`: the memory of the gateway and of the floor, idle and under load, and how
 * their heaps grow with the number of calls.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import type { Child } from "../child.ts";
import { describeMachine } from "../machine.ts";
import { runResult, type RunOptions } from "../messages.ts";
import { median, slopeOf } from "../statistics.ts";
import { runCommand, type Command, type CommandOptions } from "./command.ts";
import { memory } from "./messages.ts";
import { startSides, type Side } from "./sides.ts";

const numbers = {
  calls: { byDefault: 1_000_000, meaning: "calls over which the heap is watched" },
  "warm-up": { byDefault: 500_000, meaning: "calls of each process before" },
  every: { byDefault: 50_000, meaning: "calls between two looks at the heap" },
  "in-flight": { byDefault: 64, meaning: "calls in flight" },
};

const command: Command<keyof typeof numbers> = {
  name: "bench:memory",
  purpose: "Measures the memory of the gateway and of the floor, and the growth of the heap.",
  numbers,
};
type Options = CommandOptions<keyof typeof numbers>;
type Memory = z.output<typeof memory>;

/** How long a process is idle before its memory is read, in milliseconds. */
const idleMs = 2_000;
/** Most calls of each process for the readings of its resident memory. */
const tableCalls = 100_000;
/** How long calls are made between two readings of the memory, in milliseconds. */
const sliceMs = 1_000;

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

/** Makes calls of one process, and counts them. */
interface Load {
  /** Makes at least so many calls. Resolves to the memory during each slice, and the failures. */
  call(count: number): Promise<{ readonly during: readonly Memory[]; readonly failures: number }>;
  /** The calls so far. */
  readonly made: number;
}

function createLoad({ process, port }: Side, load: Child, inFlight: number): Load {
  let made = 0;
  return {
    get made() {
      return made;
    },
    async call(count) {
      const until = made + count;
      const during: Memory[] = [];
      let failures = 0;
      while (made < until) {
        const given: RunOptions = {
          port,
          inFlight,
          durationMs: sliceMs,
          contract: "keyprotect.v1",
          isRecorded: false,
        };
        const slice = load.ask("run", runResult, given);
        // oxlint-disable-next-line no-await-in-loop -- calls run until the middle of the slice
        await sleep(sliceMs / 2);
        // oxlint-disable-next-line no-await-in-loop -- the memory is read while calls are made
        during.push(await process.ask("memory", memory, false));
        // oxlint-disable-next-line no-await-in-loop -- a slice starts when the last one has ended
        const { calls, failures: failed } = await slice;
        made += calls;
        failures += failed;
        if (calls === 0) throw new Error("no call succeeds");
      }
      return { during, failures };
    },
  };
}

/** The memory of a process: its row in the table. */
async function measure(side: Side, load: Load, warmUp: number) {
  await sleep(idleMs);
  const idle = await side.process.ask("memory", memory, false);
  const { during, failures } = await load.call(warmUp);
  const loaded = during.slice(Math.floor(during.length / 2));
  await sleep(idleMs);
  const after = await side.process.ask("memory", memory, true);
  const row = [
    side.name,
    mebibytes(idle.rss),
    mebibytes(median(loaded.map(({ rss }) => rss))),
    mebibytes(Math.max(...during.map(({ rss }) => rss))),
    mebibytes(after.heapUsed),
    String(failures),
  ];
  return { row: `| ${row.join(" | ")} |`, failures };
}

/** Bytes after so many calls. */
type Point = readonly [calls: number, bytes: number];

/** The slope of these points, in words. */
function growthOf(points: readonly Point[]): string {
  const { slope, low, high } = slopeOf(points);
  const isZero = low <= 0 && high >= 0;
  return (
    `${slope.toFixed(3)} bytes per call, 95 % interval ${low.toFixed(3)} to ${high.toFixed(3)}` +
    (isZero ? ", indistinguishable from zero" : "")
  );
}

/** Watches the heap over calls. Returns the failures. */
async function watch(
  { name, process: watched }: Side,
  load: Load,
  options: Options,
): Promise<number> {
  const calls = options.number("calls");
  // A line needs some points.
  const every = Math.min(options.number("every"), calls / 8);
  const points: Point[] = [];
  const code: Point[] = [];
  const externals: number[] = [];
  let failures = 0;
  if (load.made < options.number("warm-up")) {
    failures += (await load.call(options.number("warm-up") - load.made)).failures;
  }
  const first = load.made;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- the heap is read at rest
    await sleep(idleMs / 2);
    // oxlint-disable-next-line no-await-in-loop -- the heap is read between two slices of calls
    const found = await watched.ask("memory", memory, true);
    points.push([load.made - first, found.heapUsed]);
    code.push([load.made - first, found.code]);
    externals.push(found.external);
    if (load.made - first >= calls) break;
    // oxlint-disable-next-line no-await-in-loop -- a slice starts when the heap has been read
    const slice = await load.call(Math.min(every, calls - (load.made - first)));
    failures += slice.failures;
    process.stderr.write(`${load.made - first} of ${calls} calls\n`);
  }
  const shown = points.map(([made, heap]) => `${made}: ${(heap / 1_024).toFixed(0)}`);
  console.log(`\n${name}: heap after collection, KiB, by calls:\n${shown.join(", ")}`);
  console.log(`growth of the heap: ${growthOf(points)}`);
  console.log(`of which compiled code: ${growthOf(code)}`);
  console.log(
    `external memory: ${mebibytes(externals[0] ?? 0)} MiB at first, ` +
      `${mebibytes(externals.at(-1) ?? 0)} at last`,
  );
  return failures;
}

/** Runs the bench and returns the exit code: 1 if a call failed, which makes figures invalid. */
async function run(options: Options): Promise<number> {
  const machine = describeMachine();
  // As on a listener beyond loopback, which is the usual one. The console keeps a history.
  const settings = { GATEWAY_CONSOLE: "off", GATEWAY_REFLECTION: "off" };
  await using sides = await startSides("floor", options, settings);
  const wire = await sides.startLoad("wire-load");
  console.log(`${machine}; measured on Node ${options.node.label}\n`);
  console.log("| process | idle RSS, MiB | under load | most | heap after | failed |");
  console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
  let failures = 0;
  const loaded = sides.both.map((side) => ({
    side,
    load: createLoad(side, wire, options.number("in-flight")),
  }));
  for (const { side, load } of loaded) {
    const measured = await measure(side, load, Math.min(tableCalls, options.number("warm-up")));
    console.log(measured.row);
    failures += measured.failures;
  }
  for (const { side, load } of loaded) failures += await watch(side, load, options);
  return failures === 0 ? 0 : 1;
}

await runCommand(command, run);
