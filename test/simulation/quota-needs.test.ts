/**
 * Groups of 1 to 20 members that share 100 requests per second, on driven time. One member at least
 * always queues. `docs/decisions/0027-whole-requests.md` has the table that these tests print.
 */
import { EventEmitter } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { busiestSecond, createSimulatedGroup } from "./quota-group.ts";

const quota = 100;
const sizes = [1, 2, 5, 12, 15, 19, 20];

type Demand = (at: number, size: number) => number;

const busy = 500;
/** Calls per second that each member wants. The first one always queues. */
const demands: readonly (readonly [name: string, demand: Demand])[] = [
  ["all busy", () => busy],
  ["together 5 % more than the quota", (_, size) => (1.05 * quota) / size],
  ["one busy, the others idle", (at) => (at === 0 ? busy : 0)],
  ["one busy, the others 2 per second", (at) => (at === 0 ? busy : 2)],
  ["one busy, the others 4 per second", (at) => (at === 0 ? busy : 4)],
  ["one wants 150, the others 60 together", (at, size) => (at === 0 ? 150 : 60 / (size - 1))],
  [
    "a third busy, a third idle, a third a little",
    (at, size) => [busy, 0, quota / (2 * size)][at % 3] ?? 0,
  ],
];

interface Outcome {
  readonly used: number;
  readonly busiest: number;
}

async function simulate(demand: Demand, size: number, isRandom: boolean): Promise<Outcome> {
  const group = createSimulatedGroup(7);
  for (let at = 0; at < size; at += 1) {
    const wants = demand(at, size);
    group.add({
      id: `m${at}`,
      wants,
      isRandom,
      // Spread over the time between two calls.
      startsInMs: wants === 0 ? 0 : (((at * 0.618) % 1) * 1_000) / Math.min(wants, quota),
      ceilingPerSecond: quota,
      replicas: size,
    });
  }
  await group.run(12_000);
  const from = group.sends.length;
  const seconds = 60;
  await group.run(seconds * 1_000);
  const used = (group.sends.length - from) / seconds / quota;
  return { used, busiest: busiestSecond(group.sends) / quota };
}

// Every member has a logger, and each of them listens to the end of the process.
const usualListeners = EventEmitter.defaultMaxListeners;
const rows: string[] = [];
beforeAll(() => {
  EventEmitter.defaultMaxListeners = 0;
});
afterAll(() => {
  EventEmitter.defaultMaxListeners = usualListeners;
  const table = [`| demand | calls | ${sizes.join(" | ")} |`, ...rows.toSorted()];
  process.stdout.write(`${table.join("\n")}\n`);
});

describe.for([
  ["steady", false],
  ["random", true],
] as const)("calls at %s moments", ([rhythm, isRandom]) => {
  test.for(demands)(
    "groups of 1 to 20 members, %s, use 95 % of the quota and exceed 105 % in no second",
    { timeout: 240_000 },
    async ([name, demand]) => {
      const cells: string[] = [];
      const outcomes: (Outcome & { readonly size: number })[] = [];
      for (const size of sizes) {
        const outcome = await simulate(demand, size, isRandom);
        cells.push(`${(100 * outcome.used).toFixed(1)} / ${(100 * outcome.busiest).toFixed(0)}`);
        outcomes.push({ size, ...outcome });
      }
      rows.push(`| ${name} | ${rhythm} | ${cells.join(" | ")} |`);
      for (const { size, used, busiest } of outcomes) {
        expect(used, `${size} members`).toBeGreaterThanOrEqual(0.95);
        expect(busiest, `${size} members`).toBeLessThanOrEqual(1.05);
      }
    },
  );
});
