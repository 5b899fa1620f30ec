import type { Clock } from "../../platform/clock.ts";
import type { PriorityClass } from "../../rpc-table.ts";
import type { CircuitSettings } from "./opossum-circuit.ts";
import { createCircuitBreaker } from "./circuit-breaker.ts";
import type { Breaker } from "./circuit-breaker.ts";
import type { UpstreamError } from "../error.ts";
import type { Layer, UpstreamCall } from "../layer.ts";

/**
 * Which circuit an operation belongs to. `data` is what services need to work at all; `management` is all else, slow
 * requests among it: they must not drag the others down, nor hide behind their number.
 */
export type OperationClass = "data" | "management";

const classOf = {
  interactive: "data",
  management: "management",
  bulk: "management",
} as const satisfies Record<PriorityClass, OperationClass>;

/** The circuit for calls of a priority class. */
export const operationClassOf = (priority: PriorityClass): OperationClass => classOf[priority];

const usual = { failurePercent: 50, minimumExchanges: 20, longestResetMs: 60_000, probeMs: 2_000 };

/** The circuits of one origin. */
export type Circuits = Readonly<Record<OperationClass, CircuitSettings>>;

/** Used where nothing else is configured. The reset outlasts the longest attempt of the class. */
export const defaultCircuits: Circuits = {
  data: { ...usual, windowMs: 5_000, resetMs: 5_000 },
  management: { ...usual, windowMs: 10_000, resetMs: 10_000 },
};

/** What the breakers of one origin are made of. */
export interface CircuitBreakersOptions {
  readonly origin: string;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Default `defaultCircuits`. */
  readonly circuits?: Circuits | undefined;
  /** A circuit opened, for the first time or after a failed probe. `refusal` makes the error for calls that wait. */
  readonly onOpen?:
    | ((operations: OperationClass, refusal: () => UpstreamError) => void)
    | undefined;
  /** A circuit closed: the upstream is back and best met with little traffic first. */
  readonly onClose?: ((operations: OperationClass) => void) | undefined;
  /** What `onOpen` or `onClose` threw. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** The breakers of one origin: failure is a matter of hosts, not of Key Protect instances. */
export interface Break {
  /** The refusal that a call would meet now; `undefined` if it would be sent. */
  peek(call: Pick<UpstreamCall, "rpc">): UpstreamError | undefined;
  /** To be put around the exchange alone, inside whatever may wait. */
  readonly layer: Layer;
  readonly breakers: Readonly<Record<OperationClass, Breaker>>;
  close(): void;
}

/** Creates the breakers of one origin, one per class of operations. */
export function createCircuitBreakers(options: CircuitBreakersOptions): Break {
  const { origin, clock, random, circuits = defaultCircuits, onOpen, onClose, onFault } = options;
  const open = (operations: OperationClass): Breaker => {
    const breaker: Breaker = createCircuitBreaker({
      name: `${origin}|${operations}`,
      settings: circuits[operations],
      clock,
      random,
      onOpen: () => onOpen?.(operations, () => breaker.refusal()),
      onClose: () => onClose?.(operations),
      onFault,
    });
    return breaker;
  };
  const breakers = { data: open("data"), management: open("management") };

  return {
    peek: (call) => breakers[classOf[call.rpc.priority]].peek(call),
    layer: (next) => {
      const sends = {
        data: breakers.data.layer(next),
        management: breakers.management.layer(next),
      };
      return (request) => sends[classOf[request.call.rpc.priority]](request);
    },
    breakers,
    close() {
      breakers.data.close();
      breakers.management.close();
    },
  };
}
