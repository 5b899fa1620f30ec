import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";

/**
 * Silences grpc-js' own log, for the process: at its default verbosity it prints the whole value of a metadata entry that it cannot take,
 * a malformed `authorization` among them, and at `GRPC_VERBOSITY=DEBUG` the headers of every request. What matters of it is
 * reported otherwise: addresses that cannot be bound, certificates that cannot be used, calls that the library ended.
 */
export function silenceLibrary(): void {
  setLogVerbosity(logVerbosity.NONE);
}
