/**
 * The state of one circuit: opossum (the only file that imports it), fed with outcomes, and the
 * times between its states.
 *
 * opossum's readme fires the breaker around each request. This file fires it when the outcome of an
 * exchange is known; only the probe is fired when it starts. These behaviours of opossum 9, used as
 * its readme suggests, are worked around (each has a test in `opossum-circuit.test.ts`):
 *
 * - `capacity` counts its own rejections as failures, so a burst opens the circuit. Here: not set.
 * - #388: a filtered error counts as a success, so a cancelled call closes a half-open circuit.
 *   Here: ignored outcomes are not fired.
 * - A call that began before the opening can close a half-open circuit. Here: `generation`.
 * - #385: calls that began before the opening and fail late open it again and again. Here:
 *   `generation`.
 * - An `errorFilter` that throws leaves its call unsettled. Here: no filter.
 * - A listener that throws rejects a healthy call and counts it as failed. Here: `notify` catches.
 * - #276: without a time-out, a probe that never settles keeps the circuit half-open forever. Here:
 *   `probeMs`.
 * - One `abortController` for all calls: one slow call aborts the others. Here: not set.
 * - #484: the counts of an outage survive the closing, so one more failure opens it again. Here:
 *   cleared at closing.
 * - Calls fired at an open circuit count, so a later outage needs hundreds of failures. Here:
 *   rejected before firing.
 * - Eleven breakers that share a `rotateBucketController` look like a listener leak. Here: one
 *   emitter each.
 * - Two interval timers per breaker, which never stop. Here: buckets rotate when something is
 *   counted.
 */
import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import type { Clock } from "../../platform/clock.ts";

/** When a circuit opens and how it closes again. */
export interface CircuitSettings {
  /** The circuit opens when more than this percentage of the exchanges in the window failed. */
  readonly failurePercent: number;
  /** The circuit does not open with fewer exchanges than this in the window. */
  readonly minimumExchanges: number;
  /** Length of the window, in milliseconds. At most `resetMs`. */
  readonly windowMs: number;
  /** From opening to the first probe, in milliseconds, ± 20 %. Each failed probe doubles it. */
  readonly resetMs: number;
  /** Upper limit of the doubling, in milliseconds. */
  readonly longestResetMs: number;
  /** A probe without a response after this many milliseconds has failed. */
  readonly probeMs: number;
}

/** `open` rejects all requests; `halfOpen` lets one probe through. */
export type CircuitState = "closed" | "open" | "halfOpen";

/** Listeners of a circuit. Exceptions of the first two go to `onFault` and disturb nothing. */
export interface CircuitListeners {
  readonly onOpen?: (() => void) | undefined;
  readonly onClose?: (() => void) | undefined;
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** Settings and listeners of one circuit. */
export interface CircuitOptions extends CircuitListeners {
  readonly name: string;
  readonly settings: CircuitSettings;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** One circuit. Requests may be sent while it is `closed`; while it is `halfOpen`, one probe. */
export interface Circuit extends Disposable {
  /** `closed` after disposal too: a circuit that is gone rejects nothing. */
  readonly state: CircuitState;
  /** Number of openings so far. An exchange counts only in the generation in which it began. */
  readonly generation: number;
  /** Whether the circuit is half-open and its probe has not been taken. */
  readonly wantsProbe: boolean;
  /** When the present open state ends or, if half-open, ended; monotonic milliseconds. */
  readonly halfOpenAt: number;
  /** Length of the open state that ends at `halfOpenAt`, in milliseconds. */
  readonly openForMs: number;
  /** Counts an exchange that began in the given generation. */
  record(outcome: "success" | "failure", generation: number): void;
  /**
   * Takes the one probe. The result is to be called with the probe's outcome; later calls have no
   * effect. It resolves when the state has changed.
   */
  takeProbe(): (outcome: "success" | "failure") => Promise<void>;
}

const bucketCount = 10;

const ignore = (): void => {};

/**
 * Creates a closed circuit. An idle circuit has no timer. Throws a `RangeError` if the window is
 * longer than the reset.
 */
export function createCircuit(options: CircuitOptions): Circuit {
  const { name, settings, clock, random, onOpen, onClose, onFault } = options;
  const { resetMs, longestResetMs, windowMs } = settings;
  if (windowMs > resetMs) throw new RangeError("a circuit's window must not outlast its reset");

  const spread = (ms: number): number => Math.round(ms * (0.8 + 0.4 * random()));
  const bucketMs = windowMs / bucketCount;
  const rotations = new EventEmitter();
  const exchangeFailed = new Error("the exchange failed");
  // opossum keeps this object and reads `resetTimeout` again at each opening.
  const live = {
    name,
    timeout: false as const,
    errorThresholdPercentage: settings.failurePercent,
    volumeThreshold: settings.minimumExchanges,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: bucketCount,
    resetTimeout: spread(resetMs),
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: rotations,
  };
  const breaker = new CircuitBreaker((run: () => Promise<void>) => run(), live);

  let isDisposed = false;
  let backoffMs = resetMs;
  let rotatedAt = clock.now();

  const rotate = (count: number): void => {
    for (let done = 0; done < Math.min(count, bucketCount); done++) rotations.emit("rotate");
  };
  // An exception of a listener would reach opossum's own bookkeeping.
  const notify = (listener: (() => void) | undefined): void => {
    try {
      listener?.();
    } catch (error) {
      try {
        onFault?.(error);
      } catch {
        // The fault handler failed as well; there is no further handler.
      }
    }
  };
  const fail = (): Promise<void> => {
    // A throw, not a rejection: opossum then counts it, and opens, before `fire` returns.
    throw exchangeFailed;
  };

  // `state` and `generation` are plain fields because each call reads them.
  const circuit = {
    state: "closed" as CircuitState,
    generation: 0,
    halfOpenAt: 0,
    openForMs: 0,
    get wantsProbe() {
      return breaker.pendingClose;
    },
    record(outcome: "success" | "failure", generation: number) {
      if (generation !== circuit.generation || isDisposed) return;
      const due = Math.floor((clock.now() - rotatedAt) / bucketMs);
      if (due > 0) {
        rotatedAt += due * bucketMs;
        rotate(due);
      }
      if (outcome === "failure") {
        breaker.fire(fail).catch(ignore);
      } else if (circuit.state === "closed") {
        // A success in a closed circuit changes two counts, which opossum takes from these events.
        // `fire` does the same with a dozen promises and closures per call.
        breaker.emit("fire", []);
        breaker.emit("success", undefined, 0);
      }
    },
    takeProbe() {
      let decide: (outcome: "success" | "failure") => void = ignore;
      const decided = new Promise<void>((resolve, reject) => {
        decide = (outcome) => (outcome === "failure" ? reject(exchangeFailed) : resolve());
      });
      const counted = breaker.fire(() => decided).catch(ignore);
      return (outcome: "success" | "failure") => {
        decide(outcome);
        return counted;
      };
    },
    [Symbol.dispose]() {
      isDisposed = true;
      circuit.state = "closed";
      breaker.shutdown();
    },
  };

  breaker.on("open", () => {
    circuit.state = "open";
    circuit.generation += 1;
    circuit.openForMs = live.resetTimeout;
    circuit.halfOpenAt = clock.now() + circuit.openForMs;
    notify(onOpen);
  });
  breaker.on("halfOpen", () => {
    circuit.state = "halfOpen";
    circuit.halfOpenAt = clock.now();
    backoffMs = Math.min(backoffMs * 2, longestResetMs);
    live.resetTimeout = spread(backoffMs);
  });
  breaker.on("close", () => {
    circuit.state = "closed";
    backoffMs = resetMs;
    live.resetTimeout = spread(resetMs);
    // opossum keeps its counts. Without this, the failures of the outage and one more would open
    // the circuit again.
    rotate(bucketCount);
    notify(onClose);
  });
  return circuit;
}
