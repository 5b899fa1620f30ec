/** What all that send to one host share: failure is a matter of hosts, not of Key Protect instances. */
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import {
  createCircuitBreakers,
  type Break,
  type Circuits,
  type OperationClass,
} from "./circuit-breaker/breakers.ts";
import type { UpstreamError } from "./error.ts";
import { createRetryBudget, type RetryBudget } from "./retry/retry-budget.ts";

/** Told of what a circuit does. */
export interface HostListener {
  onOpen(operations: OperationClass, refusal: () => UpstreamError): void;
  onClose(operations: OperationClass): void;
}

/** One host. */
export interface UpstreamHost {
  /** Absent where nothing is broken off. */
  readonly breaks: Break | undefined;
  readonly budget: RetryBudget;
  /** Circuits that are not closed: 0 to 2. */
  readonly circuitsOpen: number;
  /** Adds a listener, for the life of the origin. */
  listen(listener: HostListener): void;
}

/** What origins are made of. */
export interface UpstreamHostsOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Pick<Logger, "warn" | "info" | "error">;
  /** When circuits open. Default `defaultCircuits`; `off` for never. */
  readonly circuits?: Circuits | "off" | undefined;
  /** Repeats earned by one exchange that went well. Default: that of the budget. */
  readonly repeatsPerSuccess?: number | undefined;
}

/** UpstreamHosts by their URL, each made when first asked for. */
export interface UpstreamHosts {
  of(origin: string): UpstreamHost;
  isAnyCircuitOpen(): boolean;
  close(): void;
}

export function createUpstreamHosts(options: UpstreamHostsOptions): UpstreamHosts {
  const { clock, random, logger, circuits, repeatsPerSuccess } = options;
  const origins = new Map<string, UpstreamHost>();
  const create = (origin: string): UpstreamHost => {
    const listeners: HostListener[] = [];
    const breaks =
      circuits === "off"
        ? undefined
        : createCircuitBreakers({
            origin,
            circuits,
            clock,
            random,
            onOpen(operations, refusal) {
              logger.warn(
                { origin, operations },
                "the circuit is open: Key Protect is not asked for a while",
              );
              for (const listener of listeners) listener.onOpen(operations, refusal);
            },
            onClose(operations) {
              logger.info(
                { origin, operations },
                "the circuit is closed: Key Protect answers again",
              );
              for (const listener of listeners) listener.onClose(operations);
            },
            onFault: (error) =>
              logger.error({ err: error, origin }, "a listener of the circuit failed"),
          });
    return {
      breaks,
      budget: createRetryBudget({ clock, perSuccess: repeatsPerSuccess }),
      get circuitsOpen() {
        return Object.values(breaks?.breakers ?? {}).filter(({ state }) => state !== "closed")
          .length;
      },
      listen: (listener) => void listeners.push(listener),
    };
  };
  return {
    of(url) {
      const origin = origins.get(url) ?? create(url);
      origins.set(url, origin);
      return origin;
    },
    isAnyCircuitOpen: () => [...origins.values()].some(({ circuitsOpen }) => circuitsOpen > 0),
    close() {
      for (const { breaks } of origins.values()) breaks?.close();
    },
  };
}
