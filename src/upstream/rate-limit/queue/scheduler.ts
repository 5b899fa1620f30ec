/**
 * Who gets the next permit. A permit is bound to the best waiting call at the moment it is there, so that a call which
 * gave up, or came later and matters more, costs nobody anything.
 */
import { callEnd, type CallEnd } from "../../../platform/call-signal.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { PriorityClass } from "../../../rpc-table.ts";
import type { UpstreamError } from "../../error.ts";
import type { UpstreamCall } from "../../layer.ts";
import type { Permits } from "../permits/permits.ts";
import { createWeightedQueue, type ClassWeights } from "./weighted-queue.ts";
import { createQueueLimits, type QueueBounds } from "./queue-limits.ts";
import { Waiter } from "./waiter.ts";
import { rejections, shedReasonOf, type ShedReason } from "./rejections.ts";

/** The queue in front of one instance's permits. */
export interface Scheduler {
  /**
   * Waits for a permit at the call's turn. `undefined`, instead of a promise, if it was granted at once. Rejects with an
   * `UpstreamError`:
   *
   * - `CALLER_LIMIT`: the caller has too many calls waiting, on arrival or, for a bulk call, because a call of the same
   *   caller and a higher class took its place.
   * - `OVERLOADED`: the queue is full; likewise, the place being taken by anybody's call.
   * - `DEADLINE_TOO_SHORT`: the call would not be answered in time; told on arrival, or when a pause begins.
   * - `DEADLINE_IN_QUEUE`, `CANCELLED`, `SHUTDOWN`: the call ended before its turn.
   * - what `flush` was given.
   *
   * A call can end between the grant and the turn of the one who awaits it; the permit has to be refunded then.
   */
  acquire(call: UpstreamCall): Promise<void> | undefined;
  /**
   * Puts a call that was answered 429 back at the head of its caller's queue, with its original deadline. Bounds do not
   * apply: the call has been admitted. Rejects as `acquire` does.
   */
  acquireFirst(call: UpstreamCall): Promise<void>;
  /** Rejects everything that waits, or everything of the given classes. */
  flush(error: () => UpstreamError, classes?: readonly PriorityClass[]): void;
  /** Calls that wait. */
  readonly queued: number;
  /** Calls of a class that wait. */
  queuedBy(priority: PriorityClass): number;
  /** Callers with a call that waits. */
  readonly callers: number;
  /** Rejects everything that waits, and every call from now on, with `SHUTDOWN`. */
  close(): void;
}

/** What a scheduler works with. */
export interface SchedulerOptions {
  readonly permits: Permits;
  readonly clock: Clock;
  readonly bounds?: Partial<QueueBounds> | undefined;
  /** Default: interactive 16, management 4, bulk 1. */
  readonly weights?: ClassWeights | undefined;
  /**
   * What there will be within about a second if calls wait, in permits per second: where that is more than the permits' own rate,
   * as many calls may wait as there will then be permits for. Default: nothing beyond the rate.
   */
  readonly duePerSecond?: (() => number) | undefined;
  /** How long an exchange for a call of a class usually takes (its median), in milliseconds. Default 20. */
  readonly typicalServiceMs?: ((priority: PriorityClass, now: number) => number) | undefined;
  /** The least that an exchange takes; a call with less time left is dropped at its turn, in milliseconds. Default 5. */
  readonly leastServiceMs?: number | undefined;
  /** Told of every permit that a call gets, and how long it waited for it: 0 milliseconds if not at all. Must not throw. */
  readonly onGranted?: ((priority: PriorityClass, waitMs: number) => void) | undefined;
  /** Told of every call that `acquire` or `acquireFirst` refuses, then or later. Must not throw. */
  readonly onShed?: ((reason: ShedReason, priority: PriorityClass) => void) | undefined;
}

const ignore = (): void => {};

/** A scheduler with nothing waiting. It sets no timers: it acts on arrivals, on permits and on the signals of calls. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { permits, clock, typicalServiceMs = () => 20, leastServiceMs = 5 } = options;
  const { onGranted = ignore, onShed = ignore } = options;
  const bounds: QueueBounds = { calls: 2_048, workMs: 2_000, callerPercent: 60, ...options.bounds };
  const limits = createQueueLimits(permits, bounds, clock, options.duePerSecond);
  const waiters = createWeightedQueue(
    options.weights ?? { interactive: 16, management: 4, bulk: 1 },
  );
  let isArmed = false;
  let isClosed = false;

  const drop = (waiter: Waiter, reason: ShedReason, error: UpstreamError): void => {
    waiters.remove(waiter);
    onShed(reason, waiter.call.rpc.priority);
    waiter.reject(error);
  };
  const dropEnded = (waiter: Waiter, end: CallEnd): void =>
    drop(waiter, shedReasonOf(end), rejections.ended(end));
  const rejectNow = (
    call: UpstreamCall,
    reason: ShedReason,
    error: UpstreamError,
  ): Promise<never> => {
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
    dropEnded(waiter, callEnd(waiter.call.signal));
    disarmIfEmpty();
  };

  /** Tells those who cannot outlast a pause at once, when it begins. */
  const seePause = (now: number): void => {
    const until = permits.pausedUntil;
    if (until <= now) return;
    for (const waiter of waiters.all()) {
      const serviceMs = typicalServiceMs(waiter.call.rpc.priority, now);
      if (waiter.call.deadline < until + serviceMs) {
        drop(waiter, "DEADLINE_TOO_SHORT", rejections.tooShort(until - now, serviceMs));
      }
    }
  };
  const spend = (): void => {
    const now = clock.now();
    for (let waiter = waiters.next(); waiter !== undefined; waiter = waiters.next()) {
      if (waiter.call.deadline - leastServiceMs <= now) {
        dropEnded(waiter, "deadline");
        continue;
      }
      if (!permits.tryTake()) return;
      waiters.take();
      onGranted(waiter.call.rpc.priority, now - waiter.since);
      waiter.grant();
    }
  };
  const onPermits = (): void => {
    isArmed = false;
    seePause(clock.now());
    spend();
    arm();
  };

  const wait = (call: UpstreamCall, place: "head" | "tail"): Promise<void> =>
    new Promise((resolve, reject) => {
      waiters.add(new Waiter(call, clock.now(), { resolve, reject }, onEnd), place);
      arm();
    });
  /** Milliseconds until the call's turn, as things stand. */
  const turnInMs = (call: UpstreamCall, place: "head" | "tail"): number =>
    limits.delayMs(waiters.ahead(call.rpc.priority, call.caller, place) + 1);
  const endOf = (call: UpstreamCall): CallEnd | undefined => {
    if (isClosed) return "shutdown";
    return call.signal.aborted ? callEnd(call.signal) : undefined;
  };
  /** The bulk call that leaves its place to a call of a higher class: of the same caller, if that has its part already. */
  const victimFor = (
    call: UpstreamCall,
    isFull: boolean,
    isGreedy: boolean,
  ): Waiter | undefined => {
    if (call.rpc.priority === "bulk") return undefined;
    if (isGreedy) return waiters.newestBulkOf(call.caller);
    return isFull ? waiters.newestBulkOfLargestFlow() : undefined;
  };
  const queue = (call: UpstreamCall, now: number, serviceMs: number): Promise<void> => {
    const turnMs = turnInMs(call, "tail");
    const most = limits.capacity();
    const mostOfCaller = Math.ceil((most * bounds.callerPercent) / 100);
    const isFull = waiters.size >= most;
    // Whose part is the whole queue has no part of its own.
    const isGreedy = mostOfCaller < most && waiters.sizeOfCaller(call.caller) >= mostOfCaller;
    const victim = victimFor(call, isFull, isGreedy);
    if (isGreedy && victim === undefined) {
      return rejectNow(call, "CALLER_LIMIT", rejections.callerLimit(turnMs));
    }
    if (isFull && victim === undefined) {
      return rejectNow(call, "OVERLOADED", rejections.overloaded(turnMs));
    }
    if (call.deadline - now < turnMs + serviceMs) {
      return rejectNow(call, "DEADLINE_TOO_SHORT", rejections.tooShort(turnMs, serviceMs));
    }
    if (victim !== undefined) {
      const victimMs = turnInMs(victim.call, "tail");
      const error = isGreedy ? rejections.callerLimit(victimMs) : rejections.overloaded(victimMs);
      drop(victim, "EVICTED", error);
    }
    return wait(call, "tail");
  };

  return {
    acquire(call) {
      const end = endOf(call);
      if (end !== undefined) return rejectNow(call, shedReasonOf(end), rejections.ended(end));
      const { priority } = call.rpc;
      const now = clock.now();
      const serviceMs = typicalServiceMs(priority, now);
      if (call.deadline - now < serviceMs) {
        return rejectNow(call, "DEADLINE_TOO_SHORT", rejections.tooShort(0, serviceMs));
      }
      if (waiters.size === 0 && permits.tryTake()) {
        onGranted(priority, 0);
        return undefined;
      }
      return queue(call, now, serviceMs);
    },
    acquireFirst(call) {
      const end = endOf(call);
      if (end !== undefined) return rejectNow(call, shedReasonOf(end), rejections.ended(end));
      const now = clock.now();
      const serviceMs = typicalServiceMs(call.rpc.priority, now);
      const turnMs = turnInMs(call, "head");
      if (call.deadline - now < turnMs + serviceMs) {
        return rejectNow(call, "DEADLINE_TOO_SHORT", rejections.tooShort(turnMs, serviceMs));
      }
      return wait(call, "head");
    },
    flush(error, classes) {
      for (const waiter of waiters.all()) {
        if (classes === undefined || classes.includes(waiter.call.rpc.priority)) {
          drop(waiter, "FLUSHED", error());
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
    close() {
      isClosed = true;
      for (const waiter of waiters.all()) dropEnded(waiter, "shutdown");
      disarmIfEmpty();
    },
  };
}
