/**
 * Runs a schedule through the whole outbound pipeline under fake timers, and returns its outcome.
 */
import { pino } from "pino";
import { vi } from "vitest";
import { CallEnded } from "../../src/platform/call-signal.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { TokenExchangeError } from "../../src/iam/exchange-error.ts";
import { createTokenSource } from "../../src/iam/token-source.ts";
import { Secret } from "../../src/platform/secret.ts";
import { createBearer } from "../../src/upstream/bearer-token.ts";
import {
  createCircuitBreakers,
  operationClassOf,
} from "../../src/upstream/circuit-breaker/breakers.ts";
import { UpstreamError } from "../../src/upstream/error.ts";
import type { UpstreamCall } from "../../src/upstream/layer.ts";
import type { UpstreamHost, HostListener } from "../../src/upstream/host.ts";
import { createUpstream } from "../../src/upstream/pipeline.ts";
import type { Upstream } from "../../src/upstream/pipeline.ts";
import { createRetryBudget } from "../../src/upstream/retry/retry-budget.ts";
import { createNetwork, isOwnError, type Network, type NetworkCall } from "./outbound-network.ts";
import type { PlannedCall, Schedule } from "./outbound-plan.ts";
import { nextTurn } from "../support/next-turn.ts";

/** The outcome of one call. */
export interface CallRun extends NetworkCall {
  readonly planned: PlannedCall;
  /** HTTP status, code of the error, or `waiting`. */
  outcome: string;
  error: UpstreamError | undefined;
  /** Whether the outcome is a response that Key Protect wrote, and no proxy. */
  isOwn: boolean;
  /** How often its promise settled. */
  settlements: number;
  settledAt: number;
  /** When the caller gave up; `undefined` if it did not. */
  cancelledAt: number | undefined;
}

export interface ScheduleRun {
  readonly calls: readonly CallRun[];
  readonly network: Network;
  readonly upstream: Upstream;
  /** Openings of circuits. */
  readonly openings: number;
  /** Violations; empty if the run was correct. */
  readonly breaches: readonly string[];
}

/** Small numbers, so that an outage takes three requests. The window does not outlast the reset. */
const circuit = {
  failurePercent: 50,
  minimumExchanges: 3,
  windowMs: 600,
  resetMs: 600,
  longestResetMs: 2_000,
  probeMs: 200,
};

const logger = pino({ level: "silent" });

/**
 * Runs due timers, and then the callbacks that they deferred to the end of their turn. As in
 * reality, no timer fires in between.
 */
const settle = async (): Promise<void> => {
  await nextTurn();
  await nextTurn();
};

/** Fires timers in their order until `isOver`, or until there is none. */
export async function runTimers(isOver: () => boolean): Promise<void> {
  await settle();
  while (!isOver() && vi.getTimerCount() > 0) {
    vi.advanceTimersToNextTimer();
    await settle();
  }
}

/** Runs a schedule. `attach` gets the network before anything can be sent. */
export async function runSchedule(
  plan: Schedule,
  attach: (network: Network) => void,
): Promise<ScheduleRun> {
  const breaches: string[] = [];
  const calls: CallRun[] = [];
  const startedAt = systemClock.now();
  const random = (): number => plan.random;
  const clock = systemClock;
  const opened = { data: 0, management: 0 };
  // Openings at the newest probe of each circuit. Each opening allows one probe.
  const probedAt = { data: 0, management: 0 };

  const listeners: HostListener[] = [];
  const circuitBreakers = createCircuitBreakers({
    url: "https://upstream.test",
    clock,
    random,
    circuits: { data: circuit, management: circuit },
    onOpen(operations, rejection) {
      opened[operations] += 1;
      for (const listener of listeners) listener.onOpen(operations, rejection);
    },
    onClose(operations) {
      for (const listener of listeners) listener.onClose(operations);
    },
    onFault: (error) => breaches.push(`a listener failed: ${String(error)}`),
  });
  const host: UpstreamHost = {
    circuitBreakers,
    retryBudget: createRetryBudget({ clock }),
    listen: (listener) => void listeners.push(listener),
  };
  const network = createNetwork({
    exchanges: plan.exchanges,
    callOf(id) {
      const found = calls[Number(id)];
      if (found === undefined) throw new Error(`no call ${id}`);
      return found;
    },
    isProbe(call) {
      const operations = operationClassOf[call.rpc.priority];
      const { state } = circuitBreakers.byClass[operations];
      if (state === "closed") return false;
      if (state === "open") breaches.push("sent through an open circuit");
      else if (probedAt[operations] === opened[operations]) breaches.push("a second probe");
      probedAt[operations] = opened[operations];
      return true;
    },
    onBreach: (text) => breaches.push(text),
  });
  attach(network);

  const grants = [...plan.grants];
  const tokens = createTokenSource({
    authType: "iam",
    clock,
    random,
    logger,
    exchange: async (signal) => {
      const grant = grants.shift() ?? { isGranted: true, afterMs: 0 };
      await new Promise((resolve) => setTimeout(resolve, grant.afterMs));
      if (signal.aborted || !grant.isGranted) throw new TokenExchangeError("FAILED", "as planned");
      return { accessToken: new Secret("token"), lifetimeMs: 3_600_000, clockSkewMs: 0 };
    },
  });
  const upstream = createUpstream({
    pool: { origin: "https://upstream.test", connections: plan.connections },
    bearer: createBearer({ kind: "gateway", tokens, isOwnError }),
    isOwnError,
    host,
    quota: plan.quota,
    logger,
    clock,
    random,
  });

  const arrive = (planned: PlannedCall): void => {
    const controller = new AbortController();
    const { caller, retry, priority, attemptTimeoutMs, withinMs, cancelAfterMs } = planned;
    const call: UpstreamCall = {
      rpc: { method: "Any", retry, priority, attemptTimeoutMs },
      correlationId: String(calls.length),
      caller,
      deadline: clock.now() + withinMs,
      signal: controller.signal,
      callerToken: undefined,
      attemptLog: { attempts: 0, httpStatus: undefined },
    };
    const run: CallRun = {
      planned,
      call,
      written: 0,
      executed: 0,
      throttled: 0,
      outcome: "waiting",
      error: undefined,
      isOwn: false,
      settlements: 0,
      settledAt: Number.POSITIVE_INFINITY,
      cancelledAt: undefined,
    };
    calls.push(run);
    const expiry = setTimeout(() => controller.abort(new CallEnded("deadline")), withinMs);
    if (cancelAfterMs !== undefined) {
      setTimeout(() => {
        if (run.settlements > 0 || controller.signal.aborted) return;
        run.cancelledAt = clock.now();
        controller.abort(new CallEnded("cancelled"));
      }, cancelAfterMs);
    }
    const finish = (outcome: string, error?: UpstreamError, isOwn = false): void => {
      clearTimeout(expiry);
      run.outcome = outcome;
      run.error = error;
      run.isOwn = isOwn;
      run.settlements += 1;
      run.settledAt = clock.now();
    };
    upstream
      .send({
        method: "POST",
        path: "/",
        headers: { "correlation-id": call.correlationId },
        body: Buffer.from("{}"),
        maxResponseBytes: 1_024,
        call,
      })
      .then(
        (response) => finish(String(response.status), undefined, isOwnError(response)),
        (error: unknown) => {
          if (error instanceof UpstreamError) finish(error.code, error);
          else finish(`defect: ${String(error)}`);
        },
      );
  };
  for (const planned of plan.calls) setTimeout(() => arrive(planned), planned.atMs);

  const horizon = startedAt + 60_000;
  await runTimers(
    () =>
      clock.now() > horizon ||
      (calls.length === plan.calls.length &&
        network.underWay === 0 &&
        calls.every(({ settlements }) => settlements > 0)),
  );
  const openings = opened.data + opened.management;
  const run = { calls, network, upstream, openings, breaches };
  await upstream[Symbol.asyncDispose]();
  tokens.close();
  circuitBreakers[Symbol.dispose]();
  await runTimers(() => false);
  return run;
}
