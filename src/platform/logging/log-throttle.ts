import type { Clock } from "../clock.ts";

/** Options of a throttle. */
export interface LogThrottleOptions {
  readonly clock: Pick<Clock, "now">;
  /** Time between two lines of one kind, in milliseconds. */
  readonly quietMs: number;
  /**
   * Kinds that are remembered. If there are more, all are forgotten. Default: no bound, for kinds
   * from a closed set.
   */
  readonly maxKinds?: number;
}

/**
 * Creates a throttle for lines about events that a peer can cause at will. It is called for every
 * event and returns how many events of its kind the line stands for, or 0 if no line is due.
 */
export function createLogThrottle(options: LogThrottleOptions): (kind: string) => number {
  const { clock, quietMs, maxKinds = Number.POSITIVE_INFINITY } = options;
  const kinds = new Map<string, { loggedAt: number; events: number }>();
  return (kind) => {
    const now = clock.now();
    const known = kinds.get(kind);
    if (known !== undefined && now - known.loggedAt < quietMs) {
      known.events += 1;
      return 0;
    }
    if (known === undefined && kinds.size >= maxKinds) kinds.clear();
    kinds.set(kind, { loggedAt: now, events: 0 });
    return 1 + (known?.events ?? 0);
  };
}
