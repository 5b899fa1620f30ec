/** Samples the gateway once a second. Calls pay nothing for it: it reads counters and states. */
import type { GatewayState, InstanceState } from "../../observability/state.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { createHistory, type History, type Sample } from "./history.ts";
import {
  type InstanceSummary,
  type LatencyCounts,
  type MethodGroup,
  methodGroups,
  type Point,
  type Quantiles,
} from "../messages.ts";
import { quantileOf } from "./quantile.ts";
import { describeInstance } from "./state-word.ts";

/** The sources of the samples. They must not throw. */
export interface Readings {
  readonly state: () => GatewayState;
  /** Exchanges with an instance since the start, and those answered with 429. */
  readonly exchangesOf: (instance: string) => { readonly sent: number; readonly throttled: number };
  /** The histogram of each method's times since the start. */
  readonly handlingCounts: () => Iterable<
    readonly [rpc: { readonly method: string }, counts: ArrayLike<number>]
  >;
  /** Upper bounds of the histogram's buckets in seconds. */
  readonly bounds: readonly number[];
}

/** The newest sample beside the state that it was made from. */
export interface Latest extends Sample {
  readonly state: GatewayState;
  readonly summaries: Readonly<Record<string, InstanceSummary>>;
}

/** Takes samples until it is disposed of. */
export interface SampleTaker extends Disposable {
  readonly history: Pick<History, "columnsOf">;
  /** The newest sample. */
  readonly latest: () => Latest;
  /** The state of this moment with its words, as `latest` has them. */
  readonly summaries: (state: GatewayState) => Readonly<Record<string, InstanceSummary>>;
}

const periodMs = 1_000;
/** Seconds over which 429s make the state `throttled`, and over which percentiles are taken. */
const lately = 10;

const groupOf = (method: string): MethodGroup => {
  if (method === "WrapKey" || method === "GenerateDataKey") return "wrap";
  return method === "UnwrapKey" ? "unwrap" : "other";
};

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** Adds up histograms of equal length. */
function addUp(histograms: readonly (readonly number[])[], buckets: number): number[] {
  return Array.from({ length: buckets }, (_, at) =>
    sum(histograms.map((counts) => counts[at] ?? 0)),
  );
}

function pointOf(state: InstanceState, sent: number, throttled: number): Point {
  const { rate, queue, circuits } = state;
  return {
    allowed: rate.perSecond ?? null,
    safe: rate.safePerSecond ?? null,
    sent,
    throttled,
    queue: { interactive: queue.interactive, management: queue.management, bulk: queue.bulk },
    phase: rate.phase,
    data: circuits?.data.state ?? "off",
    management: circuits?.management.state ?? "off",
  };
}

/** The counters of one instance: their last values, and the 429s of each of the last seconds. */
interface Tracked {
  sent: number;
  throttled: number;
  sentPerSecond: number;
  readonly throttledBySecond: number[];
}

/** Starts to take samples, the first of them at once. `onSample` is called after each one. */
export function startSampler(
  readings: Readings,
  clock: Clock,
  onSample: (sampler: SampleTaker) => void,
): SampleTaker {
  const { bounds } = readings;
  const buckets = bounds.length + 1;
  const history = createHistory(buckets);
  const tracked = new Map<string, Tracked>();
  const totals: Record<MethodGroup, readonly number[]> = { wrap: [], unwrap: [], other: [] };
  /** The histograms of the last seconds, the newest last. */
  const recent: LatencyCounts[] = [];
  let takenAt = clock.now();

  const track = (alias: string, seconds: number): Tracked & { readonly news: number } => {
    const { sent, throttled } = readings.exchangesOf(alias);
    const known = tracked.get(alias) ?? {
      sent,
      throttled,
      sentPerSecond: 0,
      throttledBySecond: [],
    };
    tracked.set(alias, known);
    const news = throttled - known.throttled;
    known.sentPerSecond = seconds > 0 ? (sent - known.sent) / seconds : 0;
    known.sent = sent;
    known.throttled = throttled;
    known.throttledBySecond.push(news);
    if (known.throttledBySecond.length > 60) known.throttledBySecond.shift();
    return { ...known, news };
  };
  const latencySinceLast = (): LatencyCounts => {
    const now: Record<MethodGroup, (readonly number[])[]> = { wrap: [], unwrap: [], other: [] };
    for (const [{ method }, counts] of readings.handlingCounts()) {
      now[groupOf(method)].push(Array.from(counts));
    }
    const deltaOf = (group: MethodGroup): readonly number[] => {
      const total = addUp(now[group], buckets);
      const delta = total.map((count, at) => count - (totals[group][at] ?? count));
      totals[group] = total;
      return delta;
    };
    return { wrap: deltaOf("wrap"), unwrap: deltaOf("unwrap"), other: deltaOf("other") };
  };
  const quantiles = (q: number): Quantiles => {
    const of = (groups: readonly MethodGroup[]): number | null =>
      quantileOf(
        q,
        bounds,
        addUp(
          recent.flatMap((counts) => groups.map((group) => counts[group])),
          buckets,
        ),
      ) ?? null;
    return {
      wrap: of(["wrap"]),
      unwrap: of(["unwrap"]),
      other: of(["other"]),
      all: of(methodGroups),
    };
  };
  const summaries = (state: GatewayState): Record<string, InstanceSummary> =>
    Object.fromEntries(
      Object.entries(state.instances).map(([alias, instance]) => {
        const { sentPerSecond = 0, throttledBySecond = [] } = tracked.get(alias) ?? {};
        return [
          alias,
          {
            ...describeInstance(instance, state.isDraining, sum(throttledBySecond.slice(-lately))),
            sentPerSecond,
            throttledInMinute: sum(throttledBySecond),
          },
        ];
      }),
    );
  const take = (): Latest => {
    const now = clock.now();
    const seconds = (now - takenAt) / 1_000;
    takenAt = now;
    const state = readings.state();
    const points = Object.fromEntries(
      Object.entries(state.instances).map(([alias, instance]) => {
        const { sentPerSecond, news } = track(alias, seconds);
        return [alias, pointOf(instance, sentPerSecond, news)];
      }),
    );
    const latency = latencySinceLast();
    recent.push(latency);
    if (recent.length > lately) recent.shift();
    const sample = {
      at: clock.wallNow(),
      points,
      latency,
      p50: quantiles(0.5),
      p99: quantiles(0.99),
    };
    history.push(sample);
    return { ...sample, state, summaries: summaries(state) };
  };
  let latest = take();
  const sampler: SampleTaker = {
    history,
    latest: () => latest,
    summaries,
    [Symbol.dispose]: () => timer.cancel(),
  };
  const sampleLater = (): Timer =>
    clock.after(periodMs, () => {
      latest = take();
      timer = sampleLater();
      onSample(sampler);
    });
  let timer = sampleLater();
  return sampler;
}
