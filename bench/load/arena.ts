/** Sets up callers, an arrangement and a Key Protect with a quota, each in its own process. */
import { AsyncDisposables } from "../../src/platform/disposable-stack.ts";
import { createIdentities } from "./identities.ts";
import type { GatewayProcess, StartGateway } from "./gateway-process.ts";
import type { LoadQuestions } from "./load-answers.ts";
import type { GrpcLoadQuestions } from "./load-worker.ts";
import type { NaiveQuestions } from "./naive-worker.ts";
import type { ArrivalCounts, QuotaUpstreamOptions } from "./quota-upstream.ts";
import type { UpstreamPlace, UpstreamQuestions } from "./quota-upstream-worker.ts";
import type { SdkQuestions } from "./sdk-worker.ts";
import type { StreamResult } from "./start-load.ts";
import type { WireLoadQuestions } from "./wire-worker.ts";
import { startWorker, type Questions, type Worker } from "./worker.ts";

/** The service between callers and Key Protect. With `sdk` callers call Key Protect directly. */
export type GoodputArrangement = "gateway" | "naive" | "sdk";

/** Options of an arena. */
export interface ArenaOptions {
  readonly arrangement: GoodputArrangement;
  readonly upstream: QuotaUpstreamOptions;
  readonly callers: readonly string[];
  /**
   * Whether callers of a gateway use the cheap wire client: without TLS and without identities, so
   * that the gateway sees one caller. Default false.
   */
  readonly isLight?: boolean;
  readonly startGateway: StartGateway;
  /**
   * Number of gateways in the arrangement `gateway`. Callers are assigned round-robin. Default 1.
   */
  readonly replicas?: number;
  /** Additional settings of the gateway. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The counts and times of a period. */
export interface Period {
  readonly seconds: number;
  readonly served: number;
  readonly throttled: number;
  readonly lost: number;
  /** Largest number of requests that reached the upstream within a second. */
  readonly busiestSecond: number;
  /** Greatest delay of a timer in the upstream process, in milliseconds. */
  readonly lateMs: number;
  /** Processor time of the arrangement, in microseconds. */
  readonly cpu: number;
  readonly streams: readonly StreamResult[];
}

type Asker = Pick<Worker<LoadQuestions>, "ask">;

/** A running arena without load. Disposal stops all its processes. */
export interface Arena extends AsyncDisposable {
  readonly load: Asker;
  readonly upstream: Pick<Worker<UpstreamQuestions>, "ask">;
  /** Empty unless the arrangement is `gateway`. */
  readonly gateways: readonly GatewayProcess[];
  /** Waits for `ms` milliseconds and returns the counts of that period. */
  measure(ms: number): Promise<Period>;
}

interface Parts extends Pick<Arena, "load" | "upstream" | "gateways"> {
  readonly cpu: () => Promise<number>;
}

const here = (file: string): URL => new URL(file, import.meta.url);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Assigns addresses to callers round-robin. */
const withAddress = <Caller extends object>(who: readonly Caller[], to: readonly string[]) =>
  who.map((caller, at) => ({ ...caller, address: to[at % to.length] ?? "" }));

/** Starts and connects the processes of an arena. */
export async function createArena(options: ArenaOptions): Promise<Arena> {
  const { arrangement, callers, isLight = false, replicas = 1, env = {} } = options;
  await using started = new AsyncDisposables();
  const start = <Q extends Questions>(file: string): Worker<Q> =>
    started.add(startWorker<Q>(here(file)));

  const setUp = async (): Promise<Parts> => {
    const upstream = start<UpstreamQuestions>("quota-upstream-worker.ts");
    const place: UpstreamPlace = await upstream.ask("start", options.upstream);
    const shared = { upstream, gateways: [] };
    if (arrangement === "sdk") {
      const load = start<SdkQuestions>("sdk-worker.ts");
      await load.ask("connect", place);
      return { ...shared, load, cpu: () => load.ask("cpu", null) };
    }
    const startGateways = async (settings: Readonly<Record<string, string>>) => {
      const attempts = await Promise.allSettled(
        Array.from({ length: replicas }, () => options.startGateway(place, settings)),
      );
      const gateways = attempts.flatMap((attempt) =>
        attempt.status === "fulfilled" ? [started.add(attempt.value)] : [],
      );
      for (const attempt of attempts) if (attempt.status === "rejected") throw attempt.reason;
      const cpu = async (): Promise<number> => {
        const times = await Promise.all(gateways.map((gateway) => gateway.cpu()));
        return times.reduce((sum, time) => sum + time, 0);
      };
      return { gateways, cpu, addresses: gateways.map(({ address }) => address) };
    };
    if (isLight && arrangement === "gateway") {
      const load = start<WireLoadQuestions>("wire-worker.ts");
      // Without TLS all of them are one caller to the gateway.
      const settings = { ...env, GATEWAY_QUEUE_MAX_CALLER_PERCENT: "100" };
      const { gateways, cpu, addresses } = await startGateways(settings);
      const who = withAddress(
        callers.map((name) => ({ name })),
        addresses,
      );
      await load.ask("connect", { callers: who, keyId: place.keyId });
      return { ...shared, load, gateways, cpu };
    }
    const identities = started.add(await createIdentities(callers));
    const load = start<GrpcLoadQuestions>("load-worker.ts");
    const connect = (addresses: readonly string[]): Promise<void> =>
      load.ask("connect", {
        callers: withAddress(identities.callers, addresses),
        keyId: place.keyId,
      });
    if (arrangement === "naive") {
      const naive = start<NaiveQuestions>("naive-worker.ts");
      const { certFile, keyFile, caFile } = identities;
      const { perSecond } = options.upstream;
      const files = { certFile, keyFile, caFile };
      await connect([await naive.ask("start", { upstream: place, perSecond, ...files })]);
      return { ...shared, load, cpu: () => naive.ask("cpu", null) };
    }
    const { gateways, cpu, addresses } = await startGateways({ ...identities.env, ...env });
    await connect(addresses);
    return { ...shared, load, gateways, cpu };
  };

  const { cpu, ...parts } = await setUp();
  const { load, upstream } = parts;
  const resources = started.move();
  return {
    ...parts,
    async measure(ms) {
      const [before, cpuBefore] = await Promise.all([upstream.ask("counts", null), cpu()]);
      await load.ask("reset", null);
      await sleep(ms);
      const [after, cpuAfter, streams] = await Promise.all([
        upstream.ask("counts", null),
        cpu(),
        load.ask("results", null),
      ]);
      return { ...difference(before, after), cpu: cpuAfter - cpuBefore, streams };
    },
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

const difference = (from: ArrivalCounts, to: ArrivalCounts): Omit<Period, "cpu" | "streams"> => ({
  seconds: (to.at - from.at) / 1_000,
  served: to.served - from.served,
  throttled: to.throttled - from.throttled,
  lost: to.lost - from.lost,
  lateMs: to.lateMs,
  busiestSecond: to.busiestSecond,
});
