/** Measures modest callers alone, and together with a greedy caller and other classes of calls. */
import { createArena, type GoodputArrangement, type Period } from "./arena.ts";
import { failuresOf, failureText, ms, okMsOf, percentile } from "./figures.ts";
import {
  createNames,
  gatewaySettings,
  saturating,
  warmUpMs,
  type GoodputOptions,
} from "./run-options.ts";
import type { LoadStream, StreamResult } from "./start-load.ts";

/** The quota in requests per second, which the arrangement knows. */
export const fairnessQuota = 100;
/** Calls per second of a modest caller: far below an equal share of the quota. */
export const modestPerSecond = 2;

const askFor = (caller: string, perSecond: number): LoadStream => ({
  caller,
  operation: "unwrap",
  rhythm: { perSecond },
  deadlineMs: 5_000,
});

/** Four callers, so that there are enough calls for a percentile. */
const modest = createNames("modest", 4).map((caller) => askFor(caller, modestPerSecond));
const greedy = askFor("greedy", 100 * modestPerSecond);
/** Load of the other classes. Only the gateway has classes. */
const others = [...saturating(["admin"], 4, "create"), ...saturating(["lister"], 16, "list")];

/** The modest callers alone, and together with the other load. */
export interface FairnessPeriods {
  readonly alone: Period;
  readonly together: Period;
}

/** Measures the modest callers alone, then together with the other load. */
export async function measureFairness(
  arrangement: Exclude<GoodputArrangement, "sdk">,
  { startGateway, seconds }: GoodputOptions,
): Promise<FairnessPeriods> {
  const all = [...modest, greedy, ...(arrangement === "gateway" ? others : [])];
  await using arena = await createArena({
    arrangement,
    upstream: { shape: "bucket", perSecond: fairnessQuota },
    callers: all.map(({ caller }) => caller),
    startGateway,
    env: gatewaySettings({ GATEWAY_RATE_CEILING: String(fairnessQuota) }),
  });
  const measure = async (streams: readonly LoadStream[]): Promise<Period> => {
    await arena.load.ask("start", streams);
    await arena.measure(warmUpMs);
    const period = await arena.measure(seconds * 1_000);
    await arena.load.ask("stop", null);
    return period;
  };
  // Warms up with the whole load, so that all code is compiled before both measurements.
  await arena.load.ask("start", all);
  await arena.measure(warmUpMs);
  await arena.load.ask("stop", null);
  return { alone: await measure(modest), together: await measure(all) };
}

/** Column titles. */
export const fairnessHead = [
  "arrangement",
  "caller",
  "class",
  "asks for",
  "gets",
  "p50 ms",
  "p99 ms",
  "failures",
] as const;

const classOf = { unwrap: "interactive", create: "management", list: "bulk" } as const;

/** Merges the modest callers into one result. */
function merged(streams: readonly StreamResult[]): StreamResult[] {
  const mine = streams.filter(({ caller }) => modest.some((stream) => stream.caller === caller));
  const okMs = okMsOf(mine);
  return [
    {
      caller: "4 modest",
      operation: "unwrap",
      ok: okMs.length,
      failures: failuresOf(mine),
      okMs,
      failedMs: [],
      lateMs: Math.max(...mine.map(({ lateMs }) => lateMs)),
    },
    ...streams.filter((stream) => !mine.includes(stream)),
  ];
}

const askedBy: Readonly<Record<string, string>> = {
  "4 modest": `${4 * modestPerSecond}/s`,
  greedy: `${100 * modestPerSecond}/s`,
  admin: "4 at a time",
  lister: "16 at a time",
};

/** Returns a table row for each caller. */
export function fairnessRows(
  arrangement: string,
  { alone, together }: FairnessPeriods,
): readonly string[][] {
  const row = (note: string, stream: StreamResult, seconds: number): string[] => [
    arrangement,
    `${stream.caller}${note}`,
    classOf[stream.operation],
    askedBy[stream.caller] ?? "",
    `${(stream.ok / seconds).toFixed(1)}/s`,
    ms(percentile(stream.okMs, 0.5)),
    ms(percentile(stream.okMs, 0.99)),
    failureText(stream.failures),
  ];
  return [
    ...merged(alone.streams).map((stream) => row(", alone", stream, alone.seconds)),
    ...merged(together.streams).map((stream) => row("", stream, together.seconds)),
  ];
}
