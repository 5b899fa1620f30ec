/**
 * Resolves when `fact` holds. Rejects if it does not hold within 15 seconds, which is long on any
 * machine.
 */
export async function eventually(fact: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 15_000;
  while (!(await fact())) {
    if (Date.now() > end) throw new Error(`not true in time: ${fact.toString()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
