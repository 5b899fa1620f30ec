/** Bounds the connections of the admin listener, so that no peer can keep the probes out. */
import type { Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Keeps at most `most` connections. A further connection is accepted, and the peer address with
 * the most connections loses its oldest one. Rejecting the new connection instead would let anybody
 * who holds `most` connections take `/livez` and `/readyz` away: the kubelet would restart a
 * healthy gateway.
 */
export function limitConnections(server: Server, most: number): void {
  /** Open connections by peer address, the oldest first. */
  const byPeer = new Map<string, Set<Socket>>();
  let count = 0;

  const largest = (): Set<Socket> | undefined => {
    let found: Set<Socket> | undefined;
    for (const sockets of byPeer.values()) {
      if (sockets.size > (found?.size ?? 0)) found = sockets;
    }
    return found;
  };

  server.on("connection", (socket: Socket) => {
    const peer = socket.remoteAddress ?? "";
    const sockets = byPeer.get(peer) ?? new Set();
    byPeer.set(peer, sockets.add(socket));
    count += 1;
    socket.once("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0) byPeer.delete(peer);
      count -= 1;
    });
    if (count <= most) return;
    const [oldest] = largest() ?? [];
    oldest?.destroy();
  });
}
