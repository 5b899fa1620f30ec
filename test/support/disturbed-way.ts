/** A TCP proxy on loopback that plays the ways in which a network fails. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * - `open`: everything passes.
 * - `closed`: connections end, and new ones end at once.
 * - `silent`: connections stay and are made, and nothing passes.
 * - `requests`, `replies`: only that direction passes; the other one is lost.
 * - `slow`: everything passes 3 seconds late.
 */
export const disturbances = ["open", "closed", "silent", "requests", "replies", "slow"] as const;
export type Disturbance = (typeof disturbances)[number];

/** A proxy in front of a port. */
export interface DisturbedWay extends AsyncDisposable {
  readonly port: number;
  /** Applies to present connections too. What a silent way has held back is lost. */
  set(disturbance: Disturbance): void;
}

const slowMs = 3_000;

/** Starts an open way to a loopback port. */
export async function startDisturbedWay(target: number): Promise<DisturbedWay> {
  const sockets = new Set<Socket>();
  let present: Disturbance = "open";
  const isLost = (direction: "requests" | "replies"): boolean =>
    present === "silent" ||
    ((present === "requests" || present === "replies") && present !== direction);

  function pass(from: Socket, to: Socket, direction: "requests" | "replies"): void {
    // Chunks keep their order: one that is not slow waits for slow ones before it.
    let openAt = 0;
    from.on("data", (chunk: Buffer) => {
      if (isLost(direction)) return;
      openAt = Math.max(openAt, Date.now() + (present === "slow" ? slowMs : 0));
      const waitMs = openAt - Date.now();
      const write = (): void => void (to.destroyed || isLost(direction) || to.write(chunk));
      if (waitMs <= 0) write();
      else setTimeout(write, waitMs).unref();
    });
  }
  function join(socket: Socket, other: Socket): void {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
  }
  const server = createServer({ noDelay: true }, (socket) => {
    if (present === "closed") {
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    const through = connect({ port: target, host: "127.0.0.1", noDelay: true });
    join(socket, through);
    join(through, socket);
    pass(socket, through, "requests");
    pass(through, socket, "replies");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    set(disturbance) {
      present = disturbance;
      if (disturbance === "closed") endAll();
    },
    async [Symbol.asyncDispose]() {
      endAll();
      server.close();
      await once(server, "close");
    },
  };
}
