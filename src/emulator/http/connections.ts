/** Numbers the connections of a server, so that tests can tell reuse from reconnecting. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

export interface Connections {
  /** Notes a new connection. */
  track(socket: Socket): void;
  /** Tells the number of the connection that a request came over, counted from 1. */
  numberOf(request: IncomingMessage): number;
  /** How many are open now. */
  readonly open: number;
}

/** Creates the books of one server. */
export function createConnections(): Connections {
  const numbers = new WeakMap<Socket, number>();
  let last = 0;
  let open = 0;
  return {
    track(socket) {
      last += 1;
      open += 1;
      numbers.set(socket, last);
      socket.once("close", () => {
        open -= 1;
      });
    },
    numberOf: ({ socket }) => numbers.get(socket) ?? 0,
    get open() {
      return open;
    },
  };
}
