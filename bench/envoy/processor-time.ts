/** The processor time of a process that is no child with a probe. */
import { readdirSync, readFileSync } from "node:fs";

const nanosPerMicro = 1_000;

/** Returns the names of the threads of a process. Empty if it has ended. */
export function threadNames(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim(),
    );
  } catch {
    return [];
  }
}

/**
 * Returns the processor time of all threads of a process in µs, user and system. The kernel counts
 * it in nanoseconds; `/proc/<pid>/stat` would have hundredths of a second. Throws where the kernel
 * does not tell it.
 */
export function processorMicros(pid: number): number {
  const threads = `/proc/${pid}/task`;
  try {
    return readdirSync(threads).reduce((sum, thread) => {
      const [onProcessor] = readFileSync(`${threads}/${thread}/schedstat`, "utf8").split(" ");
      return sum + Number(onProcessor) / nanosPerMicro;
    }, 0);
  } catch (error) {
    throw new Error(
      "the processor time of Envoy is in /proc/<pid>/task/*/schedstat, which this system lacks",
      { cause: error },
    );
  }
}
