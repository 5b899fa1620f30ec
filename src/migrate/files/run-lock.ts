/**
 * Lets one process at a time work on a journal. The lock is a name in the kernel, which ends with
 * its process however that ends; a lock file would stay after a kill.
 */
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { MigrateError, migrateExitCodes, systemCodeOf } from "../migrate-error.ts";

/**
 * Takes the lock of a journal. Only Linux has such names. Elsewhere, and for processes in other
 * containers, the journal and the output notice the other process when they are written.
 */
export async function lockJournal(journal: string): Promise<AsyncDisposable> {
  if (process.platform !== "linux") return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const folder = await realpath(dirname(journal)).catch((error: unknown) => {
    const text = `${dirname(journal)} cannot be used (${systemCodeOf(error)})`;
    throw new MigrateError(migrateExitCodes.cannotCreate, text, error);
  });
  const path = join(folder, basename(journal));
  const name = createHash("sha256").update(path).digest("hex");
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const text =
        systemCodeOf(error) === "EADDRINUSE"
          ? `another process is at work on ${journal}`
          : `${journal} cannot be locked (${systemCodeOf(error)})`;
      reject(new MigrateError(migrateExitCodes.cannotCreate, text, error));
    });
    server.listen(`\0keyprotect-migrate-${name}`, resolve);
  });
  server.unref();
  return {
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
