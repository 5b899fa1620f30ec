/** The state of one circuit: opossum, fed with evidence only, and the times between its states. */
import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import type { Clock } from "../../platform/clock.ts";

/** When a circuit opens and how it comes back. */
export interface CircuitSettings {
  /** The circuit opens when more than this share of the exchanges in the window failed, in percent. */
  readonly failurePercent: number;
  /** It does not open with fewer exchanges than this in the window. */
  readonly minimumExchanges: number;
  /** Length of the window, in milliseconds. At most `resetMs`. */
  readonly windowMs: number;
  /** From opening to the first probe, in milliseconds, ± 20 %. Doubles with each probe that fails. */
  readonly resetMs: number;
  /** Where the doubling ends, in milliseconds. */
  readonly longestResetMs: number;
  /** A probe without an answer after this many milliseconds has failed. */
  readonly probeMs: number;
}

export type CircuitState = "closed" | "open" | "halfOpen";

/** What is told about a circuit. Whatever these throw goes to `onFault` and disturbs nothing. */
export interface CircuitListeners {
  readonly onOpen?: (() => void) | undefined;
  readonly onClose?: (() => void) | undefined;
  readonly onFault?: ((error: unknown) => void) | undefined;
}

export interface CircuitOptions extends CircuitListeners {
  readonly name: string;
  readonly settings: CircuitSettings;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** One circuit. Nothing may be sent unless it is `closed`, but for the one probe of the half-open state. */
export interface Circuit {
  /** `closed` after `close()` too: a circuit that is gone holds nobody up. */
  readonly state: CircuitState;
  /** Counts openings. An exchange is evidence only for the circuit as it was when the exchange began. */
  readonly generation: number;
  /** Whether the half-open circuit still waits for its probe. */
  readonly wantsProbe: boolean;
  /** When the present open state ends or, half-open, ended; monotonic milliseconds. */
  readonly halfOpenAt: number;
  /** How long the circuit was or will be open before `halfOpenAt`, in milliseconds. */
  readonly openForMs: number;
  /** Counts an exchange that began in the given generation. */
  record(hasFailed: boolean, generation: number): void;
  /** Takes the one probe. To be told, once, how it went; resolves when the state has changed. */
  takeProbe(): (hasFailed: boolean) => Promise<void>;
  close(): void;
}

const bucketCount = 10;

const ignore = (): void => {};

/**
 * Creates a closed circuit.
 *
 * opossum is fired when the outcome of an exchange is known, not when the exchange begins; only the probe is fired at its
 * beginning. So its counts hold evidence and nothing else: cancelled calls and refusals do not dilute the rate, an
 * exchange begun before the circuit opened cannot close or reopen it, and no caller's answer passes through a listener.
 *
 * Its buckets turn when something is counted, by the injected clock, so that an idle circuit has no timer.
 */
export function createCircuit(options: CircuitOptions): Circuit {
  const { name, settings, clock, random, onOpen, onClose, onFault } = options;
  const { resetMs, longestResetMs, windowMs } = settings;
  if (windowMs > resetMs) throw new RangeError("a circuit's window must not outlast its reset");

  const spread = (ms: number): number => Math.round(ms * (0.8 + 0.4 * random()));
  const bucketMs = windowMs / bucketCount;
  const turns = new EventEmitter();
  const verdict = new Error("the exchange failed");
  // opossum works on the object that it is given and reads `resetTimeout` anew at each opening.
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
    rotateBucketController: turns,
  };
  const breaker = new CircuitBreaker((run: () => Promise<void>) => run(), live);

  let isGone = false;
  let generation = 0;
  let halfOpenAt = 0;
  let openForMs = 0;
  let backoffMs = resetMs;
  let turnedAt = clock.now();

  const turn = (count: number): void => {
    for (let turned = 0; turned < Math.min(count, bucketCount); turned++) turns.emit("rotate");
  };
  const turnByClock = (): void => {
    const due = Math.floor((clock.now() - turnedAt) / bucketMs);
    if (due <= 0) return;
    turnedAt += due * bucketMs;
    turn(due);
  };
  // An exception in a listener would reach opossum's own bookkeeping.
  const tell = (listener: (() => void) | undefined): void => {
    try {
      listener?.();
    } catch (error) {
      try {
        onFault?.(error);
      } catch {
        // Whoever counts faults has none to whom its own could be told.
      }
    }
  };

  breaker.on("open", () => {
    generation += 1;
    openForMs = live.resetTimeout;
    halfOpenAt = clock.now() + openForMs;
    tell(onOpen);
  });
  breaker.on("halfOpen", () => {
    halfOpenAt = clock.now();
    backoffMs = Math.min(backoffMs * 2, longestResetMs);
    live.resetTimeout = spread(backoffMs);
  });
  breaker.on("close", () => {
    backoffMs = resetMs;
    live.resetTimeout = spread(resetMs);
    // opossum keeps its counts: without this the failures of the outage and one new one would open the circuit again.
    turn(bucketCount);
    tell(onClose);
  });

  // All that comes of a success while the circuit is closed is two counts, which opossum takes from these events. `fire`
  // comes to the same with a dozen promises and closures for each call.
  const countSuccess = (): void => {
    breaker.emit("fire", []);
    breaker.emit("success", undefined, 0);
  };
  const fail = (): Promise<void> => {
    // Thrown, not rejected: opossum then counts it, and opens, before `fire` returns.
    throw verdict;
  };

  return {
    get state() {
      if (isGone || breaker.closed) return "closed";
      return breaker.halfOpen ? "halfOpen" : "open";
    },
    get generation() {
      return generation;
    },
    get wantsProbe() {
      return breaker.pendingClose;
    },
    get halfOpenAt() {
      return halfOpenAt;
    },
    get openForMs() {
      return openForMs;
    },
    record(hasFailed, began) {
      if (began !== generation || isGone) return;
      turnByClock();
      if (hasFailed) breaker.fire(fail).catch(ignore);
      else if (breaker.closed) countSuccess();
    },
    takeProbe() {
      let decide: (hasFailed: boolean) => void = ignore;
      const decided = new Promise<void>((resolve, reject) => {
        decide = (hasFailed) => (hasFailed ? reject(verdict) : resolve());
      });
      const counted = breaker.fire(() => decided).catch(ignore);
      return (hasFailed) => {
        decide(hasFailed);
        return counted;
      };
    },
    close() {
      isGone = true;
      breaker.shutdown();
    },
  };
}
