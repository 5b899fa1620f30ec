import type { Layer, UpstreamResponse } from "./layer.ts";
import type { NextTurn } from "./rate-limit/permits/concurrency-limit.ts";

/** An answer, and the promise that waits for it. */
interface Delivery {
  readonly resolve: (response: UpstreamResponse) => void;
  readonly response: UpstreamResponse;
}

/**
 * Creates the layer that hands on together, at the end of a turn of the event loop, all answers that were read in it.
 *
 * What follows for each of them (decode, encode, write) is other code than what reads them. One answer at a time, going to
 * and fro between the two costs a fifth of a call (`npm run bench`, with and without this layer). Nobody is late for it: no
 * timer fires before the end of a turn. Failures are handed on at once.
 */
export function createBatchResponses(nextTurn: NextTurn = setImmediate): Layer {
  return (next) => {
    let gathered: Delivery[] = [];
    const deliver = (): void => {
      const all = gathered;
      gathered = [];
      for (const { resolve, response } of all) resolve(response);
    };
    return async (request) => {
      const response = await next(request);
      return new Promise((resolve) => {
        if (gathered.push({ resolve, response }) === 1) nextTurn(deliver);
      });
    };
  };
}
