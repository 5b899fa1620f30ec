/** Unix domain sockets as listeners. A path that is in use by another process is never replaced. */
import { chmod, link, lstat, mkdtemp, rm, stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { SetupError } from "../../platform/errors.ts";

/** `sun_path` of `sockaddr_un` with its closing NUL: 108 bytes on Linux, 104 on BSD and macOS. */
const maxPathBytes = process.platform === "linux" ? 107 : 103;

/** How long a process at the path may take to accept a connection, in milliseconds. */
const probeTimeoutMs = 1_000;

/** Owner and group may connect, which needs write permission; others may not. */
const socketMode = 0o660;

/** A socket that this process listens on. */
export interface OwnedSocket {
  /** Removes the socket file, unless another process has replaced it. */
  remove(): Promise<void>;
}

/**
 * Listens at `path` through `bind`, which receives the path to bind. A stale socket is replaced.
 * Rejects if the path is not usable for a socket, is another kind of file, or if a process accepts
 * connections on it.
 *
 * The socket is bound in a private folder next to `path` and linked to `path` once its mode is
 * set. This has three effects. No process can connect before the mode is set. Of two processes
 * that start at the same time, one fails instead of disconnecting the other. And libuv, which
 * removes the bound path when it closes a socket, cannot remove a socket that another process has
 * placed at `path`.
 */
export async function bindUnixSocket(
  path: string,
  bind: (path: string) => Promise<unknown>,
): Promise<OwnedSocket> {
  await clearPath(path);
  const staging = await mkdtemp(join(dirname(path), ".kp-"));
  try {
    const staged = join(staging, "s");
    checkLength(staged, "the directory of the path of a Unix socket");
    await bind(staged);
    await chmod(staged, socketMode);
    await link(staged, path);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  const own = await lstat(path);
  return {
    async remove() {
      const present = await lstat(path).catch(nothingIfMissing);
      if (present?.isSocket() === true && present.ino === own.ino && present.dev === own.dev) {
        await unlink(path).catch(nothingIfMissing);
      }
    },
  };
}

/** Removes a stale socket. Rejects if the path is in use or not usable. */
async function clearPath(path: string): Promise<void> {
  if (!path.startsWith("/") || path.includes("\0")) {
    throw new SetupError("the path of a Unix socket has to be absolute");
  }
  checkLength(path, "the path of a Unix socket");
  const parent = await stat(dirname(path)).catch(nothingIfMissing);
  if (parent?.isDirectory() !== true) {
    throw new SetupError(`the directory of the Unix socket ${path} does not exist`);
  }
  const present = await lstat(path).catch(nothingIfMissing);
  if (present === undefined) return;
  if (!present.isSocket()) throw new SetupError(`${path} exists and is not a socket`);
  if (await isAnswered(path)) throw new SetupError(`another process listens on ${path}`);
  await unlink(path).catch(nothingIfMissing);
}

function checkLength(path: string, what: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxPathBytes) return;
  throw new SetupError(`${what} is too long: ${bytes} bytes of at most ${maxPathBytes}: ${path}`);
}

/** Whether a process accepts connections at `path`. Rejects if that cannot be determined. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeTimeoutMs);
    socket.once("connect", () => settle(true));
    // A process that does not accept in time still owns the path.
    socket.once("timeout", () => settle(true));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") settle(false);
      // Linux reports EAGAIN if the queue of connections is full.
      else if (error.code === "EAGAIN") settle(true);
      else reject(new SetupError(`cannot tell whether ${path} is in use`, { cause: error }));
    });
  });
}

function nothingIfMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
