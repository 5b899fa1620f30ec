import { operationClassOf, type CircuitBreakers } from "./circuit-breaker/breakers.ts";
import type { Layer } from "./layer.ts";

/**
 * Creates the layer that rejects a call with `CIRCUIT_OPEN`, in microseconds, if its circuit
 * breaker would reject it now. It lies outside the retries and the queue, so that such a call takes
 * no place in the queue, no token and no permit.
 */
export const createRejectIfOpen =
  ({ byClass }: Pick<CircuitBreakers, "byClass">): Layer =>
  (next) =>
  (request) => {
    const { call } = request;
    const rejection = byClass[operationClassOf[call.rpc.priority]].rejectionOf(call);
    return rejection === undefined ? next(request) : Promise.reject(rejection);
  };
