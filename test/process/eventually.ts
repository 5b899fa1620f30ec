import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks again and again until there is an answer: processes cannot be driven by a clock. The test's
 * time limit ends it.
 */
export async function eventually<T>(ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause(20);
  }
}
