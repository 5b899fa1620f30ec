/** Callers that call without a pause, and the outcomes of their calls. */
import { status } from "@grpc/grpc-js";
import { wrapKeyRequest } from "../support/requests.ts";
import { inMs, type WarmGateway } from "./warm-gateway.ts";

/** The part of `/state` about the only instance that tests read. */
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
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own format
  const state = (await answer.json()) as { instances: { default: InstanceReading } };
  return state.instances.default;
}

/**
 * A running load. Use it with `await using`, because the calls must end before their gateway does.
 */
export interface Load extends AsyncDisposable {
  /** Number of ended calls by status name. */
  readonly counts: Readonly<Record<string, number>>;
  /** Starts no more calls and resolves when the active ones have ended. */
  stop(): Promise<void>;
}

/**
 * Keeps `callers` wraps active, each with its own plaintext. A rejected caller calls again after a
 * short wait.
 */
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

/** Waits in real time. */
export const pass = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** The largest number of requests that Key Protect received within one second. */
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

/** Number of requests since `at`, a wall-clock time, and of those that were answered with 429. */
export function requestsSince(
  gateway: WarmGateway,
  at: number,
): { all: number; throttled: number } {
  const requests = gateway.asked().filter(({ receivedAt }) => receivedAt >= at);
  const throttled = requests.filter((request) => request.status === 429).length;
  return { all: requests.length, throttled };
}
