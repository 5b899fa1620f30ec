/** How a migration ends. */

/** Exit codes, those of `sysexits.h` where one fits. */
export const migrateExitCodes = {
  /** Every item is in the output. */
  complete: 0,
  /** At least one item could not be migrated. */
  someFailed: 1,
  /** The command line is wrong. */
  usage: 64,
  /** The input is malformed or has changed, or the journal is of another migration. */
  data: 65,
  /** The input cannot be read. */
  noInput: 66,
  /** A file to be written exists already, or cannot be created. */
  cannotCreate: 73,
  /** Reading or writing failed. */
  io: 74,
  /** The gateway did not serve for too long. The same command goes on where this one stopped. */
  temporary: 75,
  /** The gateway refuses the calls as a whole, so that no item can succeed. */
  refused: 77,
} as const;

/** A migration that cannot go on. The message is for the operator and contains no secret. */
export class MigrateError extends Error {
  override readonly name = "MigrateError";
  readonly exitCode: number;

  constructor(exitCode: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** The system's error code, such as `ENOSPC`. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "no reason given";
}
