/** The worker's side: answers questions over IPC and exits when the parent process ends. */
import type { Question, Questions, Reply } from "./worker.ts";

/** The functions that answer the questions. */
export type Answers<Q extends Questions> = {
  readonly [Name in keyof Q]: (
    given: Q[Name]["given"],
  ) => Q[Name]["answer"] | Promise<Q[Name]["answer"]>;
};

const reply = (message: Reply): void => void process.send?.(message);

/** Answers questions until the parent process ends. */
export function serveWorker<Q extends Questions>(answers: Answers<Q>): void {
  const byName = new Map<string, (given: unknown) => unknown>(Object.entries(answers));
  process.on("message", ({ id, name, given }: Question) => {
    const answer = async (): Promise<void> => {
      try {
        reply({ id, answer: await byName.get(name)?.(given) });
      } catch (error) {
        reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : "unknown" });
      }
    };
    void answer();
  });
  process.once("disconnect", () => process.exit());
}

/** Returns the processor time of this process so far, in µs, user and system. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
