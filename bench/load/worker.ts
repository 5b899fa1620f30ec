/** Programs in processes of their own, so that none takes another's processor time and each can be asked for its own. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a worker can be asked: by name, what is given and what comes back. All of it survives JSON. */
export type Questions = Readonly<
  Record<string, { readonly given: unknown; readonly answer: unknown }>
>;

/** A question on its way to a worker. */
export interface Question {
  readonly id: number;
  readonly name: string;
  readonly given: unknown;
}

/** The way back. */
export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };

/** A worker that runs. Disposing of it kills it. */
export interface Worker<Q extends Questions> extends AsyncDisposable {
  readonly pid: number;
  /** Rejects with what the worker says went wrong, or if it ends. */
  ask<Name extends keyof Q & string>(
    name: Name,
    given: Q[Name]["given"],
  ): Promise<Q[Name]["answer"]>;
}

export interface WorkerOptions {
  /** Further arguments of node, such as `--expose-gc`. */
  readonly nodeArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a TypeScript file that calls `serveWorker`. Compiled as it loads, never while it works. */
export function startWorker<Q extends Questions>(
  file: URL,
  { nodeArguments = [], env = {} }: WorkerOptions = {},
): Worker<Q> {
  const child = fork(fileURLToPath(file), {
    execArgv: [...nodeArguments, "--import", import.meta.resolve("tsx")],
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiting = new Map<number, (reply: Reply) => void>();
  let newest = 0;
  let isGone = false;
  child.on("message", (reply: Reply) => {
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  const gone = new Promise<void>((resolve) => {
    child.once("close", () => {
      isGone = true;
      for (const [id, tell] of waiting) tell({ id, error: "the process ended" });
      waiting.clear();
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    ask: (name, given) =>
      new Promise((resolve, reject) => {
        const question: Question = { id: (newest += 1), name, given };
        const tell = (reply: Reply): void => {
          if ("error" in reply) reject(new Error(`${name}: ${reply.error}`));
          else resolve(reply.answer);
        };
        if (isGone) {
          tell({ id: question.id, error: "the process has ended" });
          return;
        }
        waiting.set(question.id, tell);
        child.send(question);
      }),
    async [Symbol.asyncDispose]() {
      if (isGone) return;
      if (child.exitCode === null) child.kill("SIGKILL");
      await Promise.race([gone, once(child, "exit")]);
    },
  };
}
