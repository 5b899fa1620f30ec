/** Keeps ioredis from writing to standard error by itself. */
import { createRequire } from "node:module";

interface DebugSwitch {
  /** Turns all output off and returns what was on. */
  disable(): string;
  enable(namespaces: string): void;
}

const isDebugSwitch = (value: unknown): value is DebugSwitch =>
  typeof value === "function" && "disable" in value && "enable" in value;

/**
 * Turns off ioredis' debug output for the process. With `DEBUG=ioredis:*` or `DEBUG=*` in the
 * environment ioredis prints every command with its arguments to standard error, including the
 * password of `AUTH`. Other output that `DEBUG` turns on stays on.
 */
export function silenceDebugOutput(): void {
  // Resolved from ioredis, to get the same copy of the module that ioredis loads.
  const requireHere = createRequire(import.meta.url);
  const debug: unknown = createRequire(requireHere.resolve("ioredis"))("debug");
  if (!isDebugSwitch(debug)) throw new TypeError("ioredis' debug output cannot be turned off");
  const namespaces = debug.disable();
  if (namespaces !== "") debug.enable(`${namespaces},-ioredis:*`);
}

/**
 * Errors of the handshake for which ioredis prints a line of text and goes on: the command, the
 * words by which it recognizes the error, and the line for the log.
 */
const tolerated: readonly (readonly [command: "auth" | "info", words: RegExp, line: string])[] = [
  ["info", /NOPERM/, "the Redis user has no permission for INFO (NOPERM)"],
  [
    "auth",
    /no password is set|without any password configured/,
    "Redis accepts its default user without a password",
  ],
];

/** ioredis goes on after this error of `AUTH` too, but nothing can work then. */
const oldRedis = /wrong number of arguments for 'auth'/;

/**
 * Replaces the commands by which a client of ioredis begins a connection. Where ioredis would print
 * an error to standard error, `onNote` gets a line for the log instead.
 */
export function silenceHandshake(client: object, onNote: (line: string) => void): void {
  for (const command of ["auth", "info"] as const) {
    const original: unknown = Reflect.get(client, command);
    if (typeof original !== "function") throw new TypeError(`ioredis has no ${command} command`);
    const run = (args: readonly unknown[]): unknown => Reflect.apply(original, client, args);
    Object.defineProperty(client, command, {
      value: (...args: readonly unknown[]) => {
        const answer = args.at(-1);
        if (typeof answer !== "function") return run(args);
        const pass = (error: unknown, reply: unknown): void => {
          const message = error instanceof Error ? error.message : "";
          const [, , line] =
            tolerated.find(([of, words]) => of === command && words.test(message)) ?? [];
          if (line !== undefined) onNote(line);
          const passed = oldRedis.test(message) ? new Error("ERR no users") : error;
          // A reply that is not text ends the check of INFO with success.
          Reflect.apply(answer, undefined, line === undefined ? [passed, reply] : [null, {}]);
        };
        return run([...args.slice(0, -1), pass]);
      },
    });
  }
}
