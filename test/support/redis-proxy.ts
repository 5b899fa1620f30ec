/** A TCP way to Redis that can hold back bytes in one direction. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A way to Redis on a loopback port. Disposing of it closes all connections. */
export interface RedisProxy extends AsyncDisposable {
  /** `redis://127.0.0.1:port`. */
  readonly url: string;
  /**
   * Holds back the bytes of the connections that are open now. Later connections work. The gateway
   * replaces a connection that gets no answer, but the bytes on it are not lost.
   */
  hold(direction: "requests" | "answers"): void;
  /** Passes on all bytes that are held back, also those of connections that the gateway left. */
  release(): void;
}

/** Listens on a free port and forwards to a loopback port. */
export async function startRedisProxy(port: number): Promise<RedisProxy> {
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  const held = new Set<() => void>();

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const pair = { client, server };
    pairs.add(pair);
    for (const socket of [client, server]) {
      socket.on("error", () => {});
      socket.on("close", () => pairs.delete(pair));
    }
    client.pipe(server);
    server.pipe(client);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("it listens nowhere");

  return {
    url: `redis://127.0.0.1:${address.port}`,
    hold(direction) {
      for (const { client, server } of pairs) {
        const [from, to] = direction === "requests" ? [client, server] : [server, client];
        from.unpipe(to);
        from.pause();
        held.add(() => from.pipe(to));
      }
    },
    release() {
      for (const passOn of held) passOn();
      held.clear();
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server } of pairs) {
        client.destroy();
        server.destroy();
      }
      listener.close();
      await once(listener, "close");
    },
  };
}
