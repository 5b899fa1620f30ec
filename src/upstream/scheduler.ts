/**
 * Who gets the next permit. A permit is bound to the best waiting call at the moment it is there, so that a call which
 * gave up, or came later and matters more, costs nobody anything.
 */
import { callEnd } from "../call-ended.ts";
import type { Clock } from "../clock.ts";
import type { PriorityClass } from "../rpc-table.ts";
import type { UpstreamError } from "./error.ts";
import type { UpstreamCall } from "./layer.ts";
import type { Permits } from "./permits.ts";
import { createBacklog, type ClassWeights } from "./queue-backlog.ts";
import { Ticket } from "./queue-ticket.ts";
import { refusal } from "./scheduler-refusal.ts";

/** The queue in front of one instance's permits. */
export interface Scheduler {
  /**
   * Waits for a permit at the call's turn. `undefined`, instead of a promise, if it was granted at once. Rejects with an
   * `UpstreamError`:
   *
   * - `CALLER_LIMIT`: the caller has too many calls waiting.
   * - `OVERLOADED`: the queue is full, on arrival or, for a bulk call, because a call of a higher class took its place.
   * - `DEADLINE_TOO_SHORT`: the call would not be answered in time; told on arrival, or when a pause begins.
   * - `DEADLINE_IN_QUEUE`, `CANCELLED`, `SHUTDOWN`: the call ended before its turn.
   * - what `flush` was given.
   *
   * A call can end between the grant and the turn of the one who awaits it; the permit has to be refunded then.
   */
  admit(call: UpstreamCall): Promise<void> | undefined;
  /**
   * Puts a call that was answered 429 back at the head of its caller's queue, with its original deadline. Bounds do not
   * apply: the call has been admitted. Rejects as `admit` does.
   */
  readmit(call: UpstreamCall): Promise<void>;
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

/** How much may wait. */
export interface QueueBounds {
  /** Calls of all callers. Default 512. */
  readonly calls: number;
  /** Calls of all callers, as milliseconds of work at the present rate; the lesser of the two holds. Default 2,000. */
  readonly workMs: number;
  /** Calls of one caller. Default 128. */
  readonly callsPerCaller: number;
}

/** What a scheduler works with. */
export interface SchedulerOptions {
  readonly permits: Permits;
  readonly clock: Clock;
  readonly bounds?: Partial<QueueBounds> | undefined;
  /** Default: interactive 16, management 4, bulk 1. */
  readonly weights?: ClassWeights | undefined;
  /** How long an exchange usually takes (its median), in milliseconds. Default 20. */
  readonly typicalServiceMs?: (() => number) | undefined;
  /** The least that an exchange takes; a call with less time left is dropped at its turn, in milliseconds. Default 5. */
  readonly leastServiceMs?: number | undefined;
}

/** A scheduler with nothing waiting. It sets no timers: it acts on arrivals, on permits and on the signals of calls. */
export function createScheduler(options: SchedulerOptions): Scheduler {
  const { permits, clock, typicalServiceMs = () => 20, leastServiceMs = 5 } = options;
  const bounds: QueueBounds = { calls: 512, workMs: 2_000, callsPerCaller: 128, ...options.bounds };
  const backlog = createBacklog(options.weights ?? { interactive: 16, management: 4, bulk: 1 });
  let isArmed = false;
  let isClosed = false;

  const drop = (ticket: Ticket, error: UpstreamError): void => {
    backlog.remove(ticket);
    ticket.refuse(error);
  };
  const disarmIfEmpty = (): void => {
    if (!isArmed || backlog.size > 0) return;
    isArmed = false;
    permits.whenAvailable(undefined);
  };
  const arm = (): void => {
    if (isArmed || backlog.size === 0) return;
    isArmed = true;
    permits.whenAvailable(onPermits);
  };
  const onEnd = (ticket: Ticket): void => {
    drop(ticket, refusal.ended(callEnd(ticket.call.signal)));
    disarmIfEmpty();
  };

  /** Tells those who cannot outlast a pause at once, when it begins. */
  const seePause = (now: number): void => {
    const until = permits.pausedUntil;
    if (until <= now) return;
    const serviceMs = typicalServiceMs();
    for (const ticket of backlog.all()) {
      if (ticket.call.deadline < until + serviceMs) {
        drop(ticket, refusal.tooShort(until - now, serviceMs));
      }
    }
  };
  const spend = (): void => {
    const now = clock.now();
    for (let ticket = backlog.next(); ticket !== undefined; ticket = backlog.next()) {
      if (ticket.call.deadline - leastServiceMs <= now) {
        drop(ticket, refusal.ended("deadline"));
        continue;
      }
      if (!permits.tryTake()) return;
      backlog.take();
      ticket.grant();
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
      backlog.add(new Ticket(call, { resolve, reject }, onEnd), place);
      arm();
    });
  /** Milliseconds until the call's turn, as things stand. */
  const turnInMs = (call: UpstreamCall, place: "head" | "tail"): number =>
    permits.delayMs(backlog.ahead(call.rpc.priority, call.caller, place) + 1);
  const maxQueued = (): number =>
    Math.max(1, Math.min(bounds.calls, Math.floor((permits.rate * bounds.workMs) / 1_000)));
  const ended = (call: UpstreamCall): UpstreamError | undefined => {
    if (isClosed) return refusal.ended("shutdown");
    return call.signal.aborted ? refusal.ended(callEnd(call.signal)) : undefined;
  };
  const queue = (call: UpstreamCall, now: number, serviceMs: number): Promise<void> => {
    const turnMs = turnInMs(call, "tail");
    if (backlog.sizeOfCaller(call.caller) >= bounds.callsPerCaller) {
      return Promise.reject(refusal.callerLimit(turnMs));
    }
    const isFull = backlog.size >= maxQueued();
    const victim =
      isFull && call.rpc.priority !== "bulk" ? backlog.newestOfGreediestBulk() : undefined;
    if (isFull && victim === undefined) return Promise.reject(refusal.overloaded(turnMs));
    if (call.deadline - now < turnMs + serviceMs) {
      return Promise.reject(refusal.tooShort(turnMs, serviceMs));
    }
    if (victim !== undefined) drop(victim, refusal.overloaded(turnInMs(victim.call, "tail")));
    return wait(call, "tail");
  };

  return {
    admit(call) {
      const error = ended(call);
      if (error !== undefined) return Promise.reject(error);
      const now = clock.now();
      const serviceMs = typicalServiceMs();
      if (call.deadline - now < serviceMs) return Promise.reject(refusal.tooShort(0, serviceMs));
      if (backlog.size === 0 && permits.tryTake()) return undefined;
      return queue(call, now, serviceMs);
    },
    readmit(call) {
      const error = ended(call);
      if (error !== undefined) return Promise.reject(error);
      const serviceMs = typicalServiceMs();
      const turnMs = turnInMs(call, "head");
      if (call.deadline - clock.now() < turnMs + serviceMs) {
        return Promise.reject(refusal.tooShort(turnMs, serviceMs));
      }
      return wait(call, "head");
    },
    flush(error, classes) {
      for (const ticket of backlog.all()) {
        if (classes === undefined || classes.includes(ticket.call.rpc.priority)) {
          drop(ticket, error());
        }
      }
      disarmIfEmpty();
    },
    get queued() {
      return backlog.size;
    },
    queuedBy: (priority) => backlog.sizeOf(priority),
    get callers() {
      return backlog.callers;
    },
    close() {
      isClosed = true;
      for (const ticket of backlog.all()) drop(ticket, refusal.ended("shutdown"));
      disarmIfEmpty();
    },
  };
}
