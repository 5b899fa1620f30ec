/**
 * Loaded into the measured processes of the benches in this folder before their program. Answers
 * how much processor time the process has used, how long the steps of its event loop are, and how
 * much memory it has.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
// oxlint-disable-next-line import/no-unassigned-import -- adds answers about processor time
import "../cpu-probe.ts";
import { onAsk } from "../messages.ts";

/** Shorter steps are not kept, in milliseconds. A timer cannot fire earlier. */
const shortestMs = 1.2;

let steps: number[] = [];
let timer: NodeJS.Timeout | undefined;

/** Processor time of the process, in milliseconds. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/**
 * Begins to note steps. A timer of a millisecond fires once per turn of a busy event loop. A step
 * is the time between two of its turns, without the time in which the kernel ran other processes:
 * so it is at most the processor time of the process between the two.
 */
function watchSteps(): void {
  steps = [];
  let [at, used] = [performance.now(), processorMs()];
  timer = setInterval(() => {
    const [now, usedNow] = [performance.now(), processorMs()];
    const step = Math.min(now - at, usedNow - used);
    if (step > shortestMs) steps.push(step);
    [at, used] = [now, usedNow];
  }, 1);
}

onAsk("watch-steps", () => {
  watchSteps();
  return [];
});
onAsk("steps", () => {
  clearInterval(timer);
  return steps;
});

/** The spaces of V8's heap with machine code, and since Node 22 with bytecode. */
const codeSpaces: ReadonlySet<string> = new Set([
  "code_space",
  "code_large_object_space",
  "trusted_space",
  "trusted_large_object_space",
]);

let collect: (() => void) | undefined;

onAsk("memory", (isCollecting) => {
  if (isCollecting === true) {
    if (collect === undefined) {
      setFlagsFromString("--expose-gc");
      collect = runInNewContext("gc");
    }
    collect?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const code = getHeapSpaceStatistics()
    .filter(({ space_name: name }) => codeSpaces.has(name))
    .reduce((sum, space) => sum + space.space_used_size, 0);
  return { heapUsed, code, external, rss };
});
