import { createRequire } from "node:module";

interface DebugSwitch {
  /** Turns all output off and says what was on. */
  disable(): string;
  enable(namespaces: string): void;
}

const isDebugSwitch = (value: unknown): value is DebugSwitch =>
  typeof value === "function" && "disable" in value && "enable" in value;

/**
 * Silences ioredis' debug output, for the process: with `DEBUG=ioredis:*` or `DEBUG=*` in the environment it prints every command with its
 * arguments to standard error, and so the password of `AUTH`. Whatever else `DEBUG` turns on stays on.
 */
export function silenceLibrary(): void {
  // The very copy of the module that ioredis loads, wherever the package manager has put it.
  const requireHere = createRequire(import.meta.url);
  const debug: unknown = createRequire(requireHere.resolve("ioredis"))("debug");
  if (!isDebugSwitch(debug)) throw new TypeError("ioredis' debug output cannot be turned off");
  const namespaces = debug.disable();
  if (namespaces !== "") debug.enable(`${namespaces},-ioredis:*`);
}
