/** Measures a quota that the gateway does not know, and one that changes under load. */
import { createArena, type Arena, type Period } from "./arena.ts";
import { percent, percent429, throttledShare } from "./figures.ts";
import type { SaturatedCase } from "./known-quota.ts";
import {
  createNames,
  gatewaySettings,
  inFlightFor,
  saturating,
  type GoodputOptions,
} from "./run-options.ts";

/** The cases, for the gateway only. */
export const unknownQuotaCases: readonly SaturatedCase[] = [100, 300].flatMap((perSecond) =>
  (["bucket", "sliding"] as const).map((shape) => ({ arrangement: "gateway", shape, perSecond })),
);

/** Time until the first search and the first probe above the quota are over. */
const searchMs = 45_000;

const start = async (
  upstream: { readonly shape: SaturatedCase["shape"]; readonly perSecond: number },
  startGateway: GoodputOptions["startGateway"],
  inFlight: number,
): Promise<Arena> => {
  const callers = createNames("caller", 8);
  const env = gatewaySettings({ GATEWAY_RATE_MODE: "adaptive" });
  const arena = await createArena({ arrangement: "gateway", upstream, callers, startGateway, env });
  await arena.load.ask("start", saturating(callers, inFlight));
  return arena;
};

/**
 * Saturates an unknown quota. Takes six times as long as for a known quota, because probes are
 * rare.
 */
export async function measureUnknownQuota(
  { shape, perSecond }: SaturatedCase,
  { startGateway, seconds }: GoodputOptions,
): Promise<Period> {
  await using arena = await start({ shape, perSecond }, startGateway, inFlightFor(perSecond));
  await arena.measure(searchMs);
  return await arena.measure(seconds * 6_000);
}

const steps = [
  { perSecond: 200, seconds: 40 },
  { perSecond: 50, seconds: 20 },
  { perSecond: 400, seconds: 90 },
] as const;

/** Column titles. */
export const quotaStepsHead = [
  "step",
  "429s in the first 2 s",
  "429s after that",
  "goodput after that",
  "goodput in the last 5 s",
] as const;

const sum = (periods: readonly Period[]): Pick<Period, "served" | "throttled" | "seconds"> => ({
  served: periods.reduce((total, { served }) => total + served, 0),
  throttled: periods.reduce((total, { throttled }) => total + throttled, 0),
  seconds: periods.reduce((total, { seconds }) => total + seconds, 0),
});

/** Changes the quota under saturating load, and measures each second. */
export async function measureQuotaSteps({
  startGateway,
}: GoodputOptions): Promise<readonly string[][]> {
  await using arena = await start(
    { shape: "bucket", perSecond: steps[0].perSecond },
    startGateway,
    16,
  );
  const rows: string[][] = [];
  let before: number | undefined;
  for (const { perSecond, seconds } of steps) {
    await arena.upstream.ask("setQuota", perSecond);
    const periods: Period[] = [];
    for (let second = 0; second < seconds; second++) periods.push(await arena.measure(1_000));
    const late = sum(periods.slice(2));
    const last = sum(periods.slice(-5));
    rows.push([
      before === undefined ? `unknown → ${perSecond}/s` : `${before} → ${perSecond}/s`,
      percent429(throttledShare(sum(periods.slice(0, 2)))),
      percent429(throttledShare(late)),
      percent(late.served / late.seconds / perSecond),
      percent(last.served / last.seconds / perSecond),
    ]);
    before = perSecond;
  }
  return rows;
}
