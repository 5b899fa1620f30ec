/**
 * Starts a limited number of calls per turn of the event loop. All calls of many connections can
 * arrive in one turn. Without the limit, their synchronous work would run before the next timer
 * fires or the next upstream response is read, so a gateway that rejects thousands of calls would
 * serve none meanwhile.
 */

/** A call that asks to be started. */
export interface QueuedCall {
  /** Identifies the call's connection. Read only if the call has to wait. */
  readonly connection: string;
  /** Starts the call. Called once: during `enqueue`, or in a later turn of the event loop. */
  accept(): void;
}

/** Handle of a waiting call. */
export interface QueuePosition {
  /** Removes the call from the queue; it will not be started. */
  leave(): void;
}

/** Queue of calls that wait for the turn of the event loop in which they start. */
export interface AcceptQueue {
  /** Starts a call immediately, or queues it and returns its position. */
  enqueue(call: QueuedCall): QueuePosition | undefined;
  /** Number of waiting calls. */
  readonly waiting: number;
}

/** Calls started per turn. 32 take about 1 ms, the usual lateness of a timer; a turn is cheap. */
const defaultPerTurn = 32;

/**
 * Creates an empty queue. Connections are served round-robin, so that one with many calls does not
 * delay the others.
 */
export function createAcceptQueue(perTurn: number = defaultPerTurn): AcceptQueue {
  /** Waiting calls by connection, in round-robin order. */
  const queues = new Map<string, Set<QueuedCall>>();
  let waiting = 0;
  /** Calls started since the last turn. */
  let started = 0;

  const start = (call: QueuedCall): void => {
    if (started === 0) setImmediate(turn);
    started += 1;
    call.accept();
  };
  const leave = (connection: string, call: QueuedCall): void => {
    const queue = queues.get(connection);
    if (queue?.delete(call) !== true) return;
    waiting -= 1;
    if (queue.size === 0) queues.delete(connection);
  };
  const dequeue = (): QueuedCall | undefined => {
    for (const [connection, queue] of queues) {
      for (const call of queue) {
        leave(connection, call);
        // Moves the connection behind all others.
        if (queues.delete(connection)) queues.set(connection, queue);
        return call;
      }
    }
    return undefined;
  };
  const turn = (): void => {
    started = 0;
    for (let turns = 0; turns < perTurn; turns += 1) {
      const call = waiting === 0 ? undefined : dequeue();
      if (call === undefined) return;
      start(call);
    }
  };

  return {
    enqueue(call) {
      if (waiting === 0 && started < perTurn) {
        start(call);
        return undefined;
      }
      const { connection } = call;
      const queue = queues.get(connection);
      if (queue === undefined) queues.set(connection, new Set([call]));
      else queue.add(call);
      waiting += 1;
      return { leave: () => leave(connection, call) };
    },
    get waiting() {
      return waiting;
    },
  };
}
