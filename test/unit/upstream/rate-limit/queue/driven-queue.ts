import { CallEnded, type CallEnd } from "../../../../../src/platform/call-signal.ts";
import type { PriorityClass } from "../../../../../src/rpc-table.ts";
import type { ShedReason } from "../../../../../src/upstream/rate-limit/queue/rejections.ts";
import { UpstreamError } from "../../../../../src/upstream/error.ts";
import type { UpstreamCall } from "../../../../../src/upstream/layer.ts";
import {
  createScheduler,
  type Scheduler,
  type SchedulerOptions,
} from "../../../../../src/upstream/rate-limit/queue/scheduler.ts";
import { createDrivenClock, type DrivenClock } from "../../../../support/driven-clock.ts";
import { createDrivenPermits, type DrivenPermits } from "../permits/driven-permits.ts";

/** A call in front of the scheduler, and its outcome. */
export interface QueuedCall {
  readonly call: UpstreamCall;
  /** The call's own signal, of a kind that reveals its listeners. */
  readonly signal: AbortSignal;
  readonly caller: string;
  readonly priority: PriorityClass;
  /** `waiting`, `granted`, or the code of the error. */
  outcome: string;
  error: UpstreamError | undefined;
  settledAt: number | undefined;
  /** Number of times that the call arrived at the scheduler. */
  arrivals: number;
  grants: number;
  refusals: number;
  end(how: CallEnd): void;
}

/** A scheduler on a driven clock. */
export interface Queue {
  readonly clock: DrivenClock;
  readonly permits: DrivenPermits;
  readonly scheduler: Scheduler;
  /** Reported grants of permits, each with its wait in milliseconds. */
  readonly granted: { readonly priority: PriorityClass; readonly waitMs: number }[];
  /** Reported sheds. */
  readonly shed: { readonly reason: ShedReason; readonly priority: PriorityClass }[];
  /** Brings a call to the scheduler. Its signal fires at its deadline. */
  arrive(wanted?: { caller?: string; priority?: PriorityClass; withinMs?: number }): QueuedCall;
  /** Brings a call back that had a permit before. */
  comeBack(call: QueuedCall): void;
}

/** A scheduler with an idle service time of 20 ms in front of permits at a rate. */
export function createQueue(
  rate: number,
  options: Partial<SchedulerOptions> & { burst?: number } = {},
): Queue {
  const clock = createDrivenClock();
  const permits = createDrivenPermits(clock, rate, options.burst);
  const granted: Queue["granted"] = [];
  const shed: Queue["shed"] = [];
  const scheduler = createScheduler({
    permits,
    clock,
    onGranted: (priority, waitMs) => void granted.push({ priority, waitMs }),
    onShed: (reason, priority) => void shed.push({ reason, priority }),
    ...options,
  });

  const follow = (queued: QueuedCall, permit: Promise<void> | undefined): void => {
    queued.arrivals += 1;
    const settle = (outcome: string, error?: UpstreamError): void => {
      queued.outcome = outcome;
      queued.error = error;
      queued.settledAt = clock.now();
      if (error === undefined) queued.grants += 1;
      else queued.refusals += 1;
    };
    if (permit === undefined) {
      settle("granted");
      return;
    }
    permit.then(
      () => settle("granted"),
      (error: unknown) => {
        if (!(error instanceof UpstreamError)) throw error;
        settle(error.code, error);
      },
    );
  };
  return {
    clock,
    permits,
    scheduler,
    granted,
    shed,
    arrive({ caller = "a", priority = "interactive", withinMs = 5_000 } = {}) {
      const controller = new AbortController();
      const { signal } = controller;
      const deadline = clock.now() + withinMs;
      const timer = clock.after(withinMs, () => controller.abort(new CallEnded("deadline")));
      const queued: QueuedCall = {
        call: {
          rpc: { method: "GetKey", retry: "safe", priority, attemptTimeoutMs: 1_000 },
          correlationId: "6f0a5a3e-5f0f-4e0b-9d59-0a4a8ff1d9d2",
          caller,
          deadline,
          signal,
          callerToken: undefined,
          attemptLog: { attempts: 0, httpStatus: undefined },
        },
        signal,
        caller,
        priority,
        outcome: "waiting",
        error: undefined,
        settledAt: undefined,
        arrivals: 0,
        grants: 0,
        refusals: 0,
        end(how) {
          timer.cancel();
          controller.abort(new CallEnded(how));
        },
      };
      follow(queued, scheduler.acquire(queued.call));
      return queued;
    },
    comeBack(queued) {
      queued.outcome = "waiting";
      queued.settledAt = undefined;
      follow(queued, scheduler.acquireFirst(queued.call));
    },
  };
}

/** Returns how many of some calls have an outcome. */
export const countOf = (calls: readonly QueuedCall[], outcome: string): number =>
  calls.filter((call) => call.outcome === outcome).length;

/** Spends all available permits, so that the next call waits. */
export const exhaust = ({ permits }: Queue): void => {
  while (permits.tryTake());
};

/** Makes that many items with `make`. */
export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
