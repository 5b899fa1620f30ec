/** Network paths to Key Protect that transfer no data. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A loopback address whose connections lead nowhere. */
export interface BlackHole extends AsyncDisposable {
  readonly port: number;
}

export interface Gate extends BlackHole {
  /** Number of connections made so far. */
  readonly connections: number;
  /** Number of bytes received so far. */
  readonly receivedBytes: number;
  /** Forwards everything to that loopback port: the bytes held back so far and all later ones. */
  open(port: number): void;
}

/** Accepts connections and holds back their bytes until `open`. */
export async function startGate(): Promise<Gate> {
  const sockets = new Set<Socket>();
  const held: Socket[] = [];
  let connections = 0;
  let receivedBytes = 0;
  let target: number | undefined;

  const pass = (socket: Socket, port: number): void => {
    const through = connect(port, "127.0.0.1");
    sockets.add(through);
    through.on("error", () => socket.destroy());
    through.on("close", () => socket.destroy());
    socket.on("close", () => through.destroy());
    socket.pipe(through).pipe(socket);
  };
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    // The bytes are read so that the end of the other side is noticed. They are kept so that they
    // can be forwarded later.
    const chunks: Buffer[] = [];
    const keep = (chunk: Buffer): void => {
      receivedBytes += chunk.length;
      chunks.push(chunk);
    };
    if (target !== undefined) {
      pass(socket, target);
      return;
    }
    socket.on("data", keep);
    held.push(socket);
    socket.once("pass", (port: number) => {
      socket.pause();
      socket.off("data", keep);
      socket.unshift(Buffer.concat(chunks));
      pass(socket, port);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    get receivedBytes() {
      return receivedBytes;
    },
    open(port) {
      target = port;
      for (const socket of held) if (!socket.destroyed) socket.emit("pass", port);
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const unattended = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, String(server.address().port) + "\\n");
    // From here on the process accepts no connection.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/**
 * Creates an address that does not even answer SYN. Its accept queue is full and is never emptied,
 * so Linux drops further SYNs.
 */
export async function startSilence(): Promise<BlackHole> {
  const child = spawn(process.execPath, ["-e", unattended], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const [line] = await once(child.stdout, "data");
  const port = Number(String(line));
  const fillers = Array.from({ length: 4 }, () => connect(port, "127.0.0.1"));
  for (const filler of fillers) filler.on("error", () => undefined);
  // Two connections fit: the backlog and one more. The others get no answer.
  await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, "connect")));
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
      await exited;
    },
  };
}
