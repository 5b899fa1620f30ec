/** Measures an outage of Key Protect under load, and the recovery. */
import { createArena, type GoodputArrangement, type Period } from "./arena.ts";
import { failureText, failuresOf, ms, percentile } from "./figures.ts";
import {
  createNames,
  gatewaySettings,
  inFlightFor,
  saturating,
  warmUpMs,
  type GoodputOptions,
} from "./run-options.ts";

const quotaPerSecond = 300;
const deadSeconds = 30;
/** More than twice the longest wait between two probes after such an outage. */
const recoverySeconds = 60;

/** The measured periods, one per second. */
export interface OutagePeriods {
  readonly dead: readonly Period[];
  readonly recovering: readonly Period[];
}

/** Measures 30 s without Key Protect and the recovery, each second by itself. */
export async function measureOutage(
  arrangement: Exclude<GoodputArrangement, "sdk">,
  { startGateway }: GoodputOptions,
): Promise<OutagePeriods> {
  const callers = createNames("caller", 8);
  await using arena = await createArena({
    arrangement,
    upstream: { shape: "bucket", perSecond: quotaPerSecond },
    callers,
    startGateway,
    env: gatewaySettings({ GATEWAY_RATE_CEILING: String(quotaPerSecond) }),
  });
  const seconds = async (count: number): Promise<readonly Period[]> => {
    const periods: Period[] = [];
    for (let second = 0; second < count; second++) periods.push(await arena.measure(1_000));
    return periods;
  };
  await arena.load.ask("start", saturating(callers, inFlightFor(quotaPerSecond)));
  await arena.measure(warmUpMs);
  await arena.upstream.ask("setDead", true);
  const dead = await seconds(deadSeconds);
  await arena.upstream.ask("setDead", false);
  const recovering = await seconds(recoverySeconds);
  return { dead, recovering };
}

/** Column titles. */
export const outageHead = [
  "arrangement",
  "requests into the outage, first 3 s",
  "after that",
  "failing takes p50 ms",
  "p99 ms",
  "first answer after",
  "95 % of the quota after",
  "429s then",
  "failures after the first 3 s",
] as const;

const lost = (periods: readonly Period[]): number =>
  periods.reduce((sum, period) => sum + period.lost, 0);

/** Returns the table row of an outage. */
export function outageRow(
  arrangement: string,
  { dead, recovering }: OutagePeriods,
): readonly string[] {
  const late = dead.slice(3).flatMap(({ streams }) => streams);
  const failedMs = late.flatMap((stream) => stream.failedMs).toSorted((a, b) => a - b);
  const after = (isSo: (period: Period) => boolean): string => {
    const at = recovering.findIndex(isSo);
    return at < 0 ? `not in ${recoverySeconds} s` : `${at + 1} s`;
  };
  return [
    arrangement,
    String(lost(dead.slice(0, 3))),
    String(lost(dead.slice(3))),
    ms(percentile(failedMs, 0.5)),
    ms(percentile(failedMs, 0.99)),
    after(({ served }) => served > 0),
    after(({ served, seconds }) => served / seconds >= 0.95 * 0.985 * quotaPerSecond),
    String(recovering.reduce((sum, { throttled }) => sum + throttled, 0)),
    failureText(failuresOf(late)),
  ];
}
