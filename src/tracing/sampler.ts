/** Decides which calls are recorded, before any span is made. */
import type { TraceContext } from "./trace-context.ts";

/** The rule by which calls are chosen; the names are OpenTelemetry's. */
export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

/** Whether a call is recorded. `undefined`: its caller has no trace. */
export type Sampler = (received: TraceContext | undefined) => boolean;

/**
 * Creates a sampler. `ratio` is from 0 to 1. A call without a trace gets its trace ID only if it is
 * recorded, so the ratio decides by `random`, uniform in [0, 1), and not by the ID.
 */
export function createSampler(name: SamplerName, ratio: number, random: () => number): Sampler {
  if (name === "traceidratio") {
    return (received) =>
      received === undefined ? random() < ratio : isWithin(received.traceId, ratio);
  }
  const ofRoot = rootSamplers[name](ratio, random);
  return name.startsWith("parentbased_") ? (received) => received?.isSampled ?? ofRoot() : ofRoot;
}

type RootSampler = (ratio: number, random: () => number) => () => boolean;
const always: RootSampler = () => () => true;
const never: RootSampler = () => () => false;

/** Whether a call without a trace is recorded. */
const rootSamplers: Readonly<Record<Exclude<SamplerName, "traceidratio">, RootSampler>> = {
  always_on: always,
  always_off: never,
  parentbased_always_on: always,
  parentbased_always_off: never,
  parentbased_traceidratio: (ratio, random) => () => random() < ratio,
};

/** Whether a trace ID is in the share, as `TraceIdRatioBasedSampler` of OpenTelemetry decides. */
function isWithin(traceId: string, ratio: number): boolean {
  let mixed = 0;
  for (let at = 0; at < 32; at += 8) {
    mixed = (mixed ^ Number.parseInt(traceId.slice(at, at + 8), 16)) >>> 0;
  }
  return mixed < (ratio === 1 ? 2 ** 32 : Math.floor(ratio * (2 ** 32 - 1)));
}
