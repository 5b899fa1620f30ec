import { spawn } from "node:child_process";
import { once } from "node:events";

/** The end of a process. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program. Disposing of it kills it. */
export interface ChildProcess extends AsyncDisposable {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The complete lines of standard output that are JSON objects, parsed. */
  readonly log: () => readonly Readonly<Record<string, unknown>>[];
  /**
   * Resolves as soon as `find` returns a value. Rejects with the output of the program if it ends
   * before that.
   */
  until<T>(find: () => T | undefined): Promise<T>;
  send(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended and its output is complete. */
  readonly exit: Promise<Exit>;
}

const parseLine = (line: string): Readonly<Record<string, unknown>>[] => {
  if (!line.startsWith("{")) return [];
  const fields: Readonly<Record<string, unknown>> = JSON.parse(line);
  return [fields];
};

/**
 * Starts node with exactly this environment, without the variables of the test process. `stdoutFd`
 * is a descriptor that becomes its standard output, instead of the pipe that is read here.
 */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
  stdoutFd?: number,
): ChildProcess {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", stdoutFd ?? "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watcher of watchers) watcher();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    changed();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    changed();
  });
  let hasEnded = false;
  // `close` is emitted after `exit`, once the output has been read to its end.
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      hasEnded = true;
      resolve({ code, signal });
      changed();
    });
  });
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    log: () =>
      stdout
        .slice(0, stdout.lastIndexOf("\n") + 1)
        .split("\n")
        .flatMap(parseLine),
    until: (find) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = find();
          if (found === undefined && !hasEnded) return;
          watchers.delete(look);
          if (found !== undefined) resolve(found);
          else reject(new Error(`it ended before that; it said:\n${stdout}\n${stderr}`));
        };
        watchers.add(look);
        look();
      }),
    send: (signal) => void child.kill(signal),
    exit,
    async [Symbol.asyncDispose]() {
      if (hasEnded) return;
      const ended = once(child, "close");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
