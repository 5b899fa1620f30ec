/** The worker's end: answers what it is asked over IPC, and ends with the process that started it. */
import type { Question, Questions, Reply } from "./worker.ts";

/** How each question is answered. */
export type Answers<Q extends Questions> = {
  readonly [Name in keyof Q]: (
    given: Q[Name]["given"],
  ) => Q[Name]["answer"] | Promise<Q[Name]["answer"]>;
};

const reply = (message: Reply): void => void process.send?.(message);

/** Answers until the asking process goes. */
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

/** Processor time of this process so far, in microseconds, the system's share included. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
