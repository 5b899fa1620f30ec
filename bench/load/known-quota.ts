/** Measures a quota that the arrangement knows, saturated by equal callers. */
import { createArena, type GoodputArrangement, type Period } from "./arena.ts";
import {
  failuresOf,
  failureText,
  jain,
  ms,
  okMsOf,
  okOf,
  percent,
  percent429,
  percentile,
  throttledShare,
} from "./figures.ts";
import type { QuotaShape } from "./quota-judge.ts";
import {
  createNames,
  gatewaySettings,
  inFlightFor,
  saturating,
  warmUpMs,
  type GoodputOptions,
} from "./run-options.ts";

/** A quota and the arrangement in front of it. */
export interface SaturatedCase {
  readonly arrangement: GoodputArrangement;
  readonly shape: QuotaShape;
  readonly perSecond: number;
}

/**
 * The cases: every quota shape for the gateway, two shapes for the others, whose results differ
 * little.
 */
export const knownQuotaCases: readonly SaturatedCase[] = [100, 300, 2_000].flatMap((perSecond) =>
  (["gateway", "naive", "sdk"] as const).flatMap((arrangement) =>
    (["bucket", "sliding", "fixed"] as const)
      .filter((shape) => arrangement === "gateway" || shape !== "fixed")
      .map((shape) => ({ arrangement, shape, perSecond })),
  ),
);

/** Column titles. */
export const saturatedHead = [
  "quota",
  "judge",
  "arrangement",
  "goodput",
  "429s",
  "OK at callers",
  "p50 ms",
  "p99 ms",
  "Jain",
  "CPU µs per call",
  "judge late ms",
  "failures at callers",
] as const;

/**
 * From this quota on, callers with grpc-js and TLS would leave the gateway too little processor
 * time.
 */
const lightFrom = 1_000;

/** Saturates a quota with eight equal callers. */
export async function measureKnownQuota(
  { arrangement, shape, perSecond }: SaturatedCase,
  { startGateway, seconds }: GoodputOptions,
): Promise<Period> {
  const callers = createNames("caller", 8);
  const env = gatewaySettings({ GATEWAY_RATE_CEILING: String(perSecond) });
  const upstream = { shape, perSecond };
  const isLight = perSecond >= lightFrom;
  await using arena = await createArena({
    arrangement,
    upstream,
    callers,
    isLight,
    startGateway,
    env,
  });
  await arena.load.ask("start", saturating(callers, inFlightFor(perSecond)));
  await arena.measure(warmUpMs);
  return await arena.measure(seconds * 1_000);
}

/** Returns the table row of a case. */
export function saturatedRow(
  { arrangement, shape, perSecond }: SaturatedCase,
  period: Period,
): readonly string[] {
  const { streams, served, seconds } = period;
  const latencies = okMsOf(streams);
  return [
    `${perSecond}/s`,
    shape,
    arrangement,
    percent(served / seconds / perSecond),
    percent429(throttledShare(period)),
    percent(okOf(streams) / seconds / perSecond),
    ms(percentile(latencies, 0.5)),
    ms(percentile(latencies, 0.99)),
    jain(streams.map(({ ok }) => ok)).toFixed(3),
    (period.cpu / okOf(streams)).toFixed(0),
    ms(period.lateMs),
    failureText(failuresOf(streams)),
  ];
}
