/** The samples of the last 15 minutes, in columns of fixed size. */
import {
  circuitStates,
  type HistoryMessage,
  type LatencyCounts,
  methodGroups,
  phases,
  type Point,
  type Quantiles,
  queueClasses,
} from "../messages.ts";

/** Samples that are kept, one a second. */
export const historyLength = 900;

/** One second of the gateway. */
export interface Sample {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** By alias. */
  readonly points: Readonly<Record<string, Point>>;
  readonly latency: LatencyCounts;
  readonly p50: Quantiles;
  readonly p99: Quantiles;
}

/** The columns of a history. */
export type HistoryColumns = Pick<
  HistoryMessage,
  | "times"
  | "allowed"
  | "safe"
  | "sent"
  | "throttled"
  | "queue"
  | "phase"
  | "data"
  | "management"
  | "latency"
  | "p50"
  | "p99"
>;

/** A ring of samples. Its memory does not grow: about 40 KB for each instance and 120 KB beside. */
export interface History {
  /** Adds a sample; the oldest one is dropped if there are `historyLength`. */
  push(sample: Sample): void;
  /** All samples of an instance, the newest last. */
  columnsOf(instance: string): HistoryColumns;
}

const numberNames = ["allowed", "safe", "sent", "throttled", ...queueClasses] as const;
const groupNames = [...methodGroups, "all"] as const;
type NumberName = (typeof numberNames)[number];

/** The columns of one instance. In numbers NaN stands for no value. */
interface InstanceColumns {
  readonly numbers: Readonly<Record<NumberName, Float32Array>>;
  readonly phase: Uint8Array;
  readonly data: Uint8Array;
  readonly management: Uint8Array;
}

/** Makes a record with a value for each name. */
function record<K extends string, V>(names: readonly K[], make: (name: K) => V): Record<K, V> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name gets a value here
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, V>;
}

const floats = (): Float32Array => new Float32Array(historyLength).fill(Number.NaN);

const createColumns = (): InstanceColumns => ({
  numbers: record(numberNames, floats),
  phase: new Uint8Array(historyLength),
  data: new Uint8Array(historyLength),
  management: new Uint8Array(historyLength),
});

const mostInCell = 65_535;

const orNull = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : Math.round(value * 1_000) / 1_000;
const orZero = (value: number | undefined): number => orNull(value) ?? 0;

/** Creates an empty history for histograms with this number of buckets. */
export function createHistory(buckets: number): History {
  const times = new Float64Array(historyLength);
  const counts = record(methodGroups, () => new Uint16Array(historyLength * buckets));
  const p50 = record(groupNames, floats);
  const p99 = record(groupNames, floats);
  const instances = new Map<string, InstanceColumns>();
  let size = 0;
  let next = 0;

  const columnsFor = (instance: string): InstanceColumns => {
    const known = instances.get(instance) ?? createColumns();
    instances.set(instance, known);
    return known;
  };
  const write = ({ numbers, ...codes }: InstanceColumns, point: Point): void => {
    numbers.allowed[next] = point.allowed ?? Number.NaN;
    numbers.safe[next] = point.safe ?? Number.NaN;
    numbers.sent[next] = point.sent;
    numbers.throttled[next] = point.throttled;
    for (const name of queueClasses) numbers[name][next] = point.queue[name];
    codes.phase[next] = phases.indexOf(point.phase);
    codes.data[next] = circuitStates.indexOf(point.data);
    codes.management[next] = circuitStates.indexOf(point.management);
  };
  return {
    push(sample) {
      times[next] = sample.at;
      for (const [alias, point] of Object.entries(sample.points)) write(columnsFor(alias), point);
      for (const group of methodGroups) {
        const column = counts[group];
        for (const [bucket, count] of sample.latency[group].entries()) {
          column[next * buckets + bucket] = Math.min(mostInCell, count);
        }
      }
      for (const group of groupNames) {
        p50[group][next] = sample.p50[group] ?? Number.NaN;
        p99[group][next] = sample.p99[group] ?? Number.NaN;
      }
      next = (next + 1) % historyLength;
      size = Math.min(historyLength, size + 1);
    },
    columnsOf(instance) {
      const first = size < historyLength ? 0 : next;
      const slots = Array.from({ length: size }, (_, at) => (first + at) % historyLength);
      const { numbers, phase, data, management } = columnsFor(instance);
      const values = (column: Float32Array): (number | null)[] =>
        slots.map((slot) => orNull(column[slot]));
      const filled = (column: ArrayLike<number>): number[] =>
        slots.map((slot) => orZero(column[slot]));
      return {
        times: filled(times),
        allowed: values(numbers.allowed),
        safe: values(numbers.safe),
        sent: filled(numbers.sent),
        throttled: filled(numbers.throttled),
        queue: record(queueClasses, (name) => filled(numbers[name])),
        phase: filled(phase),
        data: filled(data),
        management: filled(management),
        latency: record(methodGroups, (group) =>
          slots.map((slot) => [...counts[group].subarray(slot * buckets, (slot + 1) * buckets)]),
        ),
        p50: record(groupNames, (group) => values(p50[group])),
        p99: record(groupNames, (group) => values(p99[group])),
      };
    },
  };
}
