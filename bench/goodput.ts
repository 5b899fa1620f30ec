/**
 * `npm run bench:goodput`: measures how much of a quota reaches the callers, with which latency,
 * how fairly and at what cost. Prints Markdown. Options:
 *
 *   --only known,unknown,steps,fairness,outage,replicas   parts to run; default: these. `replicas`
 *                                                         needs a redis-server on the PATH.
 *                                                         `sizing` measures what a rate of calls
 *                                                         costs, for docs/guides/production.md
 *   --seconds 10                                          length of each steady measurement
 *   --quotas 100,300,2000                                 only these quotas
 *   --arrangements gateway,naive,sdk                      only these
 *   --main dist/main.js                                   a compiled gateway; default: compiles one
 */
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { buildGateway } from "../test/process/built-gateway.ts";
import { startRedisServer } from "../test/support/redis-server.ts";
import { hasRedisServer } from "../test/support/redis-tests.ts";
import type { Period } from "./load/arena.ts";
import { fairnessHead, fairnessRows, measureFairness } from "./load/fairness.ts";
import { table } from "./load/figures.ts";
import { startCompiled } from "./load/gateway-process.ts";
import {
  knownQuotaCases,
  measureKnownQuota,
  saturatedHead,
  saturatedRow,
  type SaturatedCase,
} from "./load/known-quota.ts";
import { measureOutage, outageHead, outageRow } from "./load/outage.ts";
import { measureEqualParts, measureReplicas, replicasHead, replicasRow } from "./load/replicas.ts";
import type { GoodputOptions } from "./load/run-options.ts";
import { measureSizing, sizingHead, sizingRow } from "./load/sizing.ts";
import {
  measureQuotaSteps,
  measureUnknownQuota,
  quotaStepsHead,
  unknownQuotaCases,
} from "./load/unknown-quota.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "known,unknown,steps,fairness,outage,replicas" },
    seconds: { type: "string", default: "10" },
    quotas: { type: "string" },
    arrangements: { type: "string" },
    main: { type: "string" },
  },
});

const isWanted = (list: string | undefined, item: string): boolean =>
  list === undefined || list.split(",").includes(item);

const between = (["gateway", "naive"] as const).filter((name) =>
  isWanted(values.arrangements, name),
);

/** Modest callers make few calls: in a shorter time their p99 would be their slowest call. */
const fairnessSeconds = 50;

/** Writes progress to standard error, because standard output is Markdown. */
const note = (cells: readonly string[]): void => console.error(cells.join(" | "));

const print = (
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void => console.log(`### ${title}\n\n${table(head, rows)}\n`);

async function saturate(
  title: string,
  cases: readonly SaturatedCase[],
  measure: (one: SaturatedCase, run: GoodputOptions) => Promise<Period>,
  run: GoodputOptions,
): Promise<void> {
  const rows: (readonly string[])[] = [];
  for (const one of cases) {
    if (!isWanted(values.quotas, String(one.perSecond))) continue;
    if (!isWanted(values.arrangements, one.arrangement)) continue;
    const row = saturatedRow(one, await measure(one, run));
    note(row);
    rows.push(row);
  }
  print(title, saturatedHead, rows);
}

const parts: Readonly<Record<string, (run: GoodputOptions) => Promise<void>>> = {
  known: (run) => saturate("Known quota, saturated", knownQuotaCases, measureKnownQuota, run),
  unknown: (run) =>
    saturate("Unknown quota, saturated", unknownQuotaCases, measureUnknownQuota, run),
  async steps(run) {
    print("The quota changes", quotaStepsHead, await measureQuotaSteps(run));
  },
  async fairness(run) {
    const rows: (readonly string[])[] = [];
    for (const name of between)
      rows.push(
        ...fairnessRows(name, await measureFairness(name, { ...run, seconds: fairnessSeconds })),
      );
    print("One caller asks for a hundred times as much", fairnessHead, rows);
  },
  async outage(run) {
    const rows: (readonly string[])[] = [];
    for (const name of between) rows.push(outageRow(name, await measureOutage(name, run)));
    print("Key Protect is gone for 30 s", outageHead, rows);
  },
  async replicas(run) {
    if (!hasRedisServer()) {
      console.log("LEFT OUT: `replicas`, there is no redis-server on the PATH\n");
      return;
    }
    await using redis = await startRedisServer();
    const phases = [...(await measureEqualParts(run)), ...(await measureReplicas(redis, run))];
    print("Four replicas share 200/s", replicasHead, phases.map(replicasRow));
  },
  async sizing({ seconds }) {
    const sizes = await measureSizing(main, seconds);
    print("What a rate of calls costs", sizingHead, sizes.map(sizingRow));
  },
};

const load = (): string => loadavg()[0]?.toFixed(1) ?? "unknown";

await using built = values.main === undefined ? await buildGateway() : undefined;
const main = values.main ?? built?.main ?? "";
const run: GoodputOptions = { startGateway: startCompiled(main), seconds: Number(values.seconds) };
console.log(
  `Node ${process.version}, ${availableParallelism()} cores, load average ${load()} before this began.\n`,
);
for (const name of values.only.split(",")) {
  const part = parts[name];
  if (part === undefined) throw new RangeError(`there is no part ${name}`);
  await part(run);
}
console.log(`Load average at the end: ${load()}.`);
