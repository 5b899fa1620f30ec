/** Unix domain sockets as listeners: what Node leaves to the caller, so that no path is ever taken from somebody. */
import { chmod, link, lstat, mkdtemp, rm, stat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { SetupError } from "../../platform/errors.ts";

/** `sun_path` of `sockaddr_un` with its closing NUL: 108 bytes on Linux, 104 on BSD and macOS. */
const maxPathBytes = process.platform === "linux" ? 107 : 103;

const probeTimeoutMs = 1_000;

/** Owner and group may connect, which takes the permission to write; nobody else. */
const socketMode = 0o660;

/** A socket that this process listens on. */
export interface OwnedSocket {
  /** Removes the socket from the file system, unless another process has put its own there. */
  remove(): Promise<void>;
}

/**
 * Listens at `path` through `bind`, which is given the path to bind. A socket that a process left behind is replaced. Rejects if
 * the path cannot be a socket's, if something else is there, or if somebody answers on it.
 *
 * The socket is bound in a private folder beside `path` and linked to `path` when its mode is right. So nobody can connect
 * before; of two processes that start at once one fails instead of cutting the other off; and libuv, which removes the
 * path that it bound when it closes a socket, cannot remove what another process has put there by then.
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

/** Removes a socket that nobody answers on; rejects if the path is taken or cannot be taken. */
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

/** Whether a process accepts connections at `path`. Rejects if that cannot be found out. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeTimeoutMs);
    socket.once("connect", () => settle(true));
    // Whoever does not accept in time is there all the same.
    socket.once("timeout", () => settle(true));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") settle(false);
      // What Linux says if the queue of connections is full.
      else if (error.code === "EAGAIN") settle(true);
      else reject(new SetupError(`cannot tell whether ${path} is in use`, { cause: error }));
    });
  });
}

function nothingIfMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
