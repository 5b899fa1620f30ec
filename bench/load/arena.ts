/** One arrangement between its callers and a Key Protect with a quota; each of them in a process of its own. */
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

/** Who stands between callers and Key Protect; with `sdk` nobody does. */
export type GoodputArrangement = "gateway" | "naive" | "sdk";

export interface ArenaOptions {
  readonly arrangement: GoodputArrangement;
  readonly upstream: QuotaUpstreamOptions;
  readonly callers: readonly string[];
  /** Whether the callers of a gateway call in the clear, as nobody in particular, with next to no effort. Default: no. */
  readonly isLight?: boolean;
  readonly startGateway: StartGateway;
  /** Gateways, where they are the arrangement; the callers are dealt out to them in turn. Default 1. */
  readonly replicas?: number;
  /** Further settings of the gateway. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What happened within a period. */
export interface Period {
  readonly seconds: number;
  readonly served: number;
  readonly throttled: number;
  readonly lost: number;
  /** Most requests that reached the upstream in any second. */
  readonly busiestSecond: number;
  /** How late the upstream itself was at most, in milliseconds. */
  readonly lateMs: number;
  /** Processor time of the arrangement, in microseconds. */
  readonly cpu: number;
  readonly streams: readonly StreamResult[];
}

type Asker = Pick<Worker<LoadQuestions>, "ask">;

/** Everything up and connected; no load yet. */
export interface Arena extends AsyncDisposable {
  readonly load: Asker;
  readonly upstream: Pick<Worker<UpstreamQuestions>, "ask">;
  /** Empty where the gateway is not the arrangement. */
  readonly gateways: readonly GatewayProcess[];
  /** Lets time pass and counts what happens in it. */
  measure(ms: number): Promise<Period>;
}

interface Parts extends Pick<Arena, "load" | "upstream" | "gateways"> {
  readonly cpu: () => Promise<number>;
}

const here = (file: string): URL => new URL(file, import.meta.url);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Deals the callers out. */
const withAddress = <Caller extends object>(who: readonly Caller[], to: readonly string[]) =>
  who.map((caller, at) => ({ ...caller, address: to[at % to.length] ?? "" }));

/** Sets everything up. */
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
      // All of them are one caller to the gateway.
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
