/** Runs programs in their own processes, so that the processor time of each can be measured. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/**
 * The questions that a worker answers, by name, with arguments and answers that JSON can represent.
 */
export type Questions = Readonly<
  Record<string, { readonly given: unknown; readonly answer: unknown }>
>;

/** The message with a question. */
export interface Question {
  readonly id: number;
  readonly name: string;
  readonly given: unknown;
}

/** The message with an answer or an error. */
export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };

/** A running worker. Disposal kills its process. */
export interface Worker<Q extends Questions> extends AsyncDisposable {
  readonly pid: number;
  /** Asks a question. Rejects with the error of the worker, or if the worker ends. */
  ask<Name extends keyof Q & string>(
    name: Name,
    given: Q[Name]["given"],
  ): Promise<Q[Name]["answer"]>;
}

/** Options of `startWorker`. */
export interface WorkerOptions {
  /** Additional arguments of node, such as `--expose-gc`. */
  readonly nodeArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a TypeScript file that calls `serveWorker`. tsx compiles it while it loads, not later. */
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
