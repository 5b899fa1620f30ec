/**
 * Binds each permit to the best waiting call at the moment the permit is there. A call that gave
 * up, or that came later with a higher class, costs the others nothing.
 */
import { callEnd } from "../../../platform/call-signal.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { PriorityClass } from "../../../rpc-table.ts";
import type { UpstreamError } from "../../error.ts";
import type { UpstreamCall } from "../../layer.ts";
import type { RefusalCause } from "../adaptive/lockout.ts";
import type { Permits } from "../permits/permits.ts";
import { createQueueLimits, type QueueBounds } from "./queue-limits.ts";
import { type Rejection, rejections, type ShedReason } from "./rejections.ts";
import { Waiter } from "./waiter.ts";
import { type ClassWeights, createWeightedQueue } from "./weighted-queue.ts";

/** The queue in front of the permits of one instance. */
export interface Scheduler {
  /**
   * Waits for a permit. Returns `undefined` instead of a promise if the permit is granted at once.
   * Rejects with an `UpstreamError`:
   *
   * - `CALLER_LIMIT`: the caller has too many waiting calls, and others wait too. On arrival, or
   *   later for a bulk call whose place a call of the same caller and a higher class took.
   * - `OVERLOADED`: the queue is full, or the caller's part of it while no other caller waits. On
   *   arrival, or later for a bulk call whose place any caller's call of a higher class took.
   * - `DEADLINE_TOO_SHORT`: the call would miss its deadline. On arrival, or when a pause begins.
   * - `THROTTLED`, `UNAVAILABLE`: instead of these two while the upstream refuses requests, unless
   *   the call's time would not suffice for an exchange either.
   * - `DEADLINE_IN_QUEUE`, `CANCELLED`, `SHUTDOWN`: the call ended before it got a permit.
   * - the error of `flush`.
   *
   * A call can end between the grant and the continuation of its `await`. The permit is to be
   * refunded then.
   */
  acquire(call: UpstreamCall): Promise<void> | undefined;
  /**
   * Waits for a permit at the head of the caller's queue, with the original deadline, after a 429.
   * The queue's bounds do not apply: the call was admitted before. Rejects as `acquire` does.
   */
  acquireFirst(call: UpstreamCall): Promise<void>;
  /** Rejects all waiting calls, or those of the given classes. */
  flush(error: () => UpstreamError, classes?: readonly PriorityClass[]): void;
  /** The number of waiting calls. */
  readonly queued: number;
  /** Waiting calls of a class. */
  queuedBy(priority: PriorityClass): number;
  /** Callers with a waiting call. */
  readonly callers: number;
  /** Waiting calls by caller, for the console. */
  readonly waitingByCaller: ReadonlyMap<string, number>;
  /** Rejects all waiting calls, and every later call, with `SHUTDOWN`. */
  close(): void;
}

/** How a scheduler is created. */
export interface SchedulerOptions {
  readonly permits: Permits;
  readonly clock: Clock;
  readonly bounds?: Partial<QueueBounds> | undefined;
  /** Default: interactive 16, management 4, bulk 1. */
  readonly weights?: ClassWeights | undefined;
  /**
   * The rate that will be granted within about a second while calls wait, in permits per second.
   * Where it is higher than the permits' rate, the queue is sized by it. Default: 0.
   */
  readonly duePerSecond?: (() => number) | undefined;
  /** Why the upstream refuses requests at present, if it does. Default: it does not. */
  readonly refusalCause?: ((now: number) => RefusalCause | undefined) | undefined;
  /** The median length of an exchange of a class, in milliseconds. Default 20. */
  readonly typicalServiceMs?: ((priority: PriorityClass, now: number) => number) | undefined;
  /** A call with less time left than this is rejected at its turn, in milliseconds. Default 5. */
  readonly leastServiceMs?: number | undefined;
  /** Called for each granted permit with the wait in milliseconds, 0 for none. Must not throw. */
  readonly onGranted?: ((priority: PriorityClass, waitMs: number) => void) | undefined;
  /** Called for each rejected call. Must not throw. */
  readonly onShed?: ((reason: ShedReason, priority: PriorityClass) => void) | undefined;
}

const ignore = (): void => {};
const never = (): undefined => undefined;

/**
 * Creates an empty queue. It sets no timers: it acts on arrivals, on permits and on calls' signals.
 */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { permits, clock, typicalServiceMs = () => 20, leastServiceMs = 5 } = options;
  const { onGranted = ignore, onShed = ignore, refusalCause = never } = options;
  const bounds: QueueBounds = { calls: 2_048, workMs: 2_000, callerPercent: 60, ...options.bounds };
  const limits = createQueueLimits(permits, bounds, clock, options.duePerSecond);
  const waiters = createWeightedQueue(
    options.weights ?? { interactive: 16, management: 4, bulk: 1 },
  );
  /** Whether the permits call back. True exactly while calls wait. */
  let isArmed = false;
  let isClosed = false;

  const drop = (waiter: Waiter, { reason, error }: Rejection): void => {
    waiters.remove(waiter);
    onShed(reason, waiter.call.rpc.priority);
    waiter.reject(error);
  };
  const rejectNow = (call: UpstreamCall, { reason, error }: Rejection): Promise<never> => {
    onShed(reason, call.rpc.priority);
    return Promise.reject(error);
  };
  const disarmIfEmpty = (): void => {
    if (!isArmed || waiters.size > 0) return;
    isArmed = false;
    permits.whenAvailable(undefined);
  };
  const arm = (): void => {
    if (isArmed || waiters.size === 0) return;
    isArmed = true;
    permits.whenAvailable(onPermits);
  };
  const onEnd = (waiter: Waiter): void => {
    drop(waiter, rejections.ended(callEnd(waiter.call.signal)));
    disarmIfEmpty();
  };

  const late = ({ deadline }: UpstreamCall, now: number, turnMs: number, serviceMs: number) =>
    rejections.late({ leftMs: deadline - now, turnMs, serviceMs }, refusalCause(now));
  /** Rejects the calls that cannot outlast a pause when the pause begins. */
  const rejectForPause = (now: number): void => {
    const until = permits.pausedUntil;
    if (until <= now) return;
    for (const waiter of waiters.all()) {
      const serviceMs = typicalServiceMs(waiter.call.rpc.priority, now);
      if (waiter.call.deadline < until + serviceMs) {
        drop(waiter, late(waiter.call, now, until - now, serviceMs));
      }
    }
  };
  const grantPermits = (now: number): void => {
    for (let waiter = waiters.next(); waiter !== undefined; waiter = waiters.next()) {
      if (waiter.call.deadline - leastServiceMs <= now) {
        drop(waiter, rejections.ended("deadline"));
        continue;
      }
      if (!permits.tryTake()) return;
      waiters.take();
      onGranted(waiter.call.rpc.priority, now - waiter.since);
      waiter.grant();
    }
  };
  const onPermits = (): void => {
    const now = clock.now();
    isArmed = false;
    rejectForPause(now);
    grantPermits(now);
    arm();
  };

  const wait = (call: UpstreamCall, now: number, place: "head" | "tail"): Promise<void> =>
    new Promise((resolve, reject) => {
      waiters.add(new Waiter(call, now, { resolve, reject }, onEnd), place);
      arm();
    });
  /** The estimated wait of a call that is added now, in milliseconds. */
  const turnInMs = ({ rpc, caller }: UpstreamCall, place: "head" | "tail"): number =>
    limits.delayMs(waiters.ahead(rpc.priority, caller, place) + 1);
  const rejectEnded = (call: UpstreamCall): Promise<never> =>
    rejectNow(call, rejections.ended(isClosed ? "shutdown" : callEnd(call.signal)));
  /**
   * The bulk call that is evicted for a call of a higher class: of the same caller if that is at
   * its limit.
   */
  const victimFor = (
    { rpc, caller }: UpstreamCall,
    isFull: boolean,
    isAtCallerLimit: boolean,
  ): Waiter | undefined => {
    if (rpc.priority === "bulk") return undefined;
    if (isAtCallerLimit) return waiters.newestBulkOf(caller);
    return isFull ? waiters.newestBulkOfLargestFlow() : undefined;
  };
  const enqueue = (call: UpstreamCall, now: number, serviceMs: number): Promise<void> => {
    const turnMs = turnInMs(call, "tail");
    const capacity = limits.capacity();
    const callerCapacity = Math.ceil((capacity * bounds.callerPercent) / 100);
    const isFull = waiters.size >= capacity;
    // With `callerPercent` at 100 the per-caller limit is off.
    const isAtCallerLimit =
      callerCapacity < capacity && waiters.sizeOfCaller(call.caller) >= callerCapacity;
    // A caller that is alone takes nobody's part.
    const full = (ms: number): Rejection =>
      isAtCallerLimit && waiters.isShared(now)
        ? rejections.callerLimit(ms)
        : rejections.full(ms, refusalCause(now));
    const victim = victimFor(call, isFull, isAtCallerLimit);
    if ((isFull || isAtCallerLimit) && victim === undefined) return rejectNow(call, full(turnMs));
    if (call.deadline - now < turnMs + serviceMs) {
      return rejectNow(call, late(call, now, turnMs, serviceMs));
    }
    if (victim !== undefined) {
      const { error } = full(turnInMs(victim.call, "tail"));
      drop(victim, { reason: "EVICTED", error });
    }
    return wait(call, now, "tail");
  };

  return {
    acquire(call) {
      const { rpc, signal, deadline } = call;
      if (isClosed || signal.aborted) return rejectEnded(call);
      const now = clock.now();
      const serviceMs = typicalServiceMs(rpc.priority, now);
      if (deadline - now < serviceMs) return rejectNow(call, late(call, now, 0, serviceMs));
      if (!isArmed && permits.tryTake()) {
        onGranted(rpc.priority, 0);
        return undefined;
      }
      return enqueue(call, now, serviceMs);
    },
    acquireFirst(call) {
      if (isClosed || call.signal.aborted) return rejectEnded(call);
      const now = clock.now();
      const serviceMs = typicalServiceMs(call.rpc.priority, now);
      const turnMs = turnInMs(call, "head");
      if (call.deadline - now < turnMs + serviceMs) {
        return rejectNow(call, late(call, now, turnMs, serviceMs));
      }
      return wait(call, now, "head");
    },
    flush(error, classes) {
      for (const waiter of waiters.all()) {
        if (classes === undefined || classes.includes(waiter.call.rpc.priority)) {
          drop(waiter, { reason: "FLUSHED", error: error() });
        }
      }
      disarmIfEmpty();
    },
    get queued() {
      return waiters.size;
    },
    queuedBy: (priority) => waiters.sizeOf(priority),
    get callers() {
      return waiters.callers;
    },
    waitingByCaller: waiters.byCaller,
    close() {
      isClosed = true;
      for (const waiter of waiters.all()) drop(waiter, rejections.ended("shutdown"));
      disarmIfEmpty();
    },
  };
}
