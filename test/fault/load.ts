/** Callers that never stop, and what came of it. */
import { status } from "@grpc/grpc-js";
import { wrapKeyRequest } from "../support/requests.ts";
import { inMs, type WarmGateway } from "./warm-gateway.ts";

/** What a gateway says of its only instance; the part that tests read. */
export interface InstanceReading {
  readonly rate: {
    readonly perSecond?: number;
    readonly safePerSecond?: number;
    readonly phase: string;
    readonly pausedForMs?: number;
  };
  readonly connections: { readonly inFlight: number; readonly open: number; readonly most: number };
  readonly queue: {
    readonly interactive: number;
    readonly management: number;
    readonly bulk: number;
    readonly callers: number;
  };
}

/** Reads `/state`. */
export async function stateOf(gateway: WarmGateway): Promise<InstanceReading> {
  const { host, port } = gateway.gateway.admin;
  const answer = await fetch(`http://${host}:${port}/state`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape of what this gateway writes
  const state = (await answer.json()) as { instances: { default: InstanceReading } };
  return state.instances.default;
}

/** A load that runs. Use with `await using`: calls must not go on when their gateway is gone. */
export interface Load extends AsyncDisposable {
  /** Statuses of the calls that ended, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Ends it, when the calls under way have ended. */
  stop(): Promise<void>;
}

/** Keeps `callers` wraps under way, each of a plaintext of its own. Whoever is refused comes back after a moment. */
export function startLoad(gateway: WarmGateway, callers: number): Load {
  const counts: Record<string, number> = {};
  const ending = new AbortController();
  const plaintext = gateway.secrets.bytes(32);
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const request = wrapKeyRequest(gateway.keyId, plaintext);
      const { error } = await gateway.outcome(
        gateway.clients.actions,
        "wrapKey",
        request,
        inMs(20_000),
      );
      const code = error === null ? "OK" : (status[error.code] ?? "none");
      counts[code] = (counts[code] ?? 0) + 1;
      if (error !== null) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const running = Promise.all(Array.from({ length: callers }, run));
  const stop = async (): Promise<void> => {
    ending.abort();
    await running;
  };
  return { counts, stop, [Symbol.asyncDispose]: stop };
}

/** Lets real time pass. */
export const pass = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** The most requests that Key Protect saw within any second. */
export function densestSecond(gateway: WarmGateway): number {
  const times = gateway.asked().map(({ receivedAt }) => receivedAt);
  let densest = 0;
  let first = 0;
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - 1_000) first += 1;
    densest = Math.max(densest, last - first + 1);
  }
  return densest;
}

/** Requests since `at`, a time of the wall clock, and those of them that were answered 429. */
export function requestsSince(
  gateway: WarmGateway,
  at: number,
): { all: number; throttled: number } {
  const requests = gateway.asked().filter(({ receivedAt }) => receivedAt >= at);
  const throttled = requests.filter((request) => request.status === 429).length;
  return { all: requests.length, throttled };
}
