import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks every 20 ms until there is an answer, since a clock cannot drive another process. The time
 * limit of the test ends it.
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
