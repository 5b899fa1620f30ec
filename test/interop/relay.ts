/** A TCP relay in front of a server, which breaks connections on demand. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A relay on a loopback port. Disposing of it closes all connections. */
export interface Relay extends AsyncDisposable {
  /** Address for clients, such as `127.0.0.1:40001`. */
  readonly address: string;
  /** Breaks all connections of the clients by a TCP reset. The server may have answered. */
  cut(): void;
}

/** Listens on a free port and forwards to `port`. A refused connection is refused onwards. */
export async function startRelay(port: number): Promise<Relay> {
  const clients = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect(port, "127.0.0.1");
    clients.add(client);
    for (const socket of [client, server]) socket.on("error", () => {});
    client.once("close", () => {
      clients.delete(client);
      server.destroy();
    });
    server.once("close", () => client.destroy());
    client.pipe(server).pipe(client);
  });
  const cut = (): void => {
    for (const client of clients) client.resetAndDestroy();
  };
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("it listens nowhere");
  return {
    address: `127.0.0.1:${address.port}`,
    cut,
    async [Symbol.asyncDispose]() {
      const closed = once(listener, "close");
      listener.close();
      cut();
      await closed;
    },
  };
}
