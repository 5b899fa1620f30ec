import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks every 20 ms until there is an answer, because a test cannot drive the clock of another
 * process. The test's time limit ends the loop.
 */
export async function firstAnswer<T>(
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause(20);
  }
}
